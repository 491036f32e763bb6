// What earlier runs came to, evaluations and others, kept as one JSON file each. Light on purpose: this is on the way of every build.
import { readFileSync, rmSync } from 'node:fs';
import { writeCacheFile } from '../foundation/atomic-file.ts';
import { systemErrorCode } from '../foundation/error.ts';

/** Keeps a recording, plain data and maps, or forgets the one that was there. Throws the system's errors. */
export function saveRecording(file: string, recording: unknown): void {
  if (recording === undefined) {
    rmSync(file, { force: true });
    return;
  }
  writeCacheFile(file, JSON.stringify(recording, writeMaps));
}

/** The same for what only saves time: where it cannot be written it is not kept. */
export function keepRecording(file: string, recording: unknown): void {
  try {
    saveRecording(file, recording);
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
  }
}

/** What {@link saveRecording} kept; undefined when there is none that can be read. */
export function loadRecording<Recording>(file: string): Recording | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    // Looking at each value takes longer than all the rest, and most recordings have no maps.
    return (text.includes(mapKey) ? JSON.parse(text, readMaps) : JSON.parse(text)) as Recording;
  } catch {
    return undefined;
  }
}

const mapKey = '"$map"';

function writeMaps(_key: string, value: unknown): unknown {
  return value instanceof Map ? { $map: [...value] } : value;
}

function readMaps(_key: string, value: unknown): unknown {
  return typeof value === 'object' && value !== null && '$map' in value
    ? new Map(value.$map as [unknown, unknown][])
    : value;
}
