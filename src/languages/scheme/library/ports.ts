// Ports of (guile): strings, bytes, files (whole, through the host) and soft ports; reading and writing of text,
// bytes and data; simple-format. (ice-9 format) is in format.ts.
import { miscError, outOfRange, throwError, wrongType } from '../errors.ts';
import { Port, type PortOptions } from '../port.ts';
import { andThen, Primitive, tail1, tail2 } from '../procedures.ts';
import { Reader } from '../reader.ts';
import {
  Char,
  char,
  EOF,
  Fluid,
  intern,
  list,
  listToArray,
  MString,
  MultipleValues,
  Pair,
  Parameter,
  type Rec,
  str,
  UNSPECIFIED,
  type Value,
} from '../values.ts';
import { displayText, plainRecordText, writeHooks, writeText } from '../write.ts';
import { type Definer, MANY } from './define.ts';

const identity = new Primitive('identity', 1, 1, (x) => x);

/** A port that a procedure was given; the current one when it was left out. */
function portOf(
  d: Definer,
  options: { who: string; port: Value; standard: 'input' | 'output'; position?: number },
): Port {
  const { port } = options;
  if (port instanceof Port) {
    if (port.closed)
      throw wrongType(options.who, options.position ?? 1, port, `open ${options.standard} port`);
    if (options.standard === 'input' ? !port.canRead : !port.canWrite) {
      throw wrongType(options.who, options.position ?? 1, port, `open ${options.standard} port`);
    }
    return port;
  }
  if (port === undefined || port === true) {
    const parameter = d.module.local(intern(`current-${options.standard}-port`))!.value as Parameter;
    return d.session.machine.fluidRef(parameter.fluid);
  }
  throw wrongType(options.who, options.position ?? 1, port, `open ${options.standard} port`);
}

function defineWriting(d: Definer): void {
  const out = (who: string, port: Value, position = 2) =>
    portOf(d, { who, port, standard: 'output', position });
  for (const [name, text] of [
    ['write', writeText],
    ['display', displayText],
    ['write-shared', writeText],
    ['write-simple', writeText],
  ] as const) {
    d.tail(name, 1, 2, (value, port) => {
      out(name, port).writeText(text(value));
      return UNSPECIFIED;
    });
  }
  d.tail('print', 1, 2, (value, port) => {
    out('print', port).writeText(writeText(value));
    return UNSPECIFIED;
  });
  d.tail('object->string', 1, 2, (value, printer) => {
    if (printer === undefined || (printer instanceof Primitive && printer.name === 'write'))
      return str(writeText(value));
    const port = new Port({ name: '#f', kind: 'string', output: { collect: true } });
    return andThen(tail2(printer, value, port), () => str(port.collectedText()));
  });
  d.tail('newline', 0, 1, (port) => {
    out('newline', port, 1).writeText('\n');
    return UNSPECIFIED;
  });
  d.tail('write-char', 1, 2, (c, port) => {
    if (!(c instanceof Char)) throw wrongType('write-char', 1, c, 'character');
    out('write-char', port).writeText(String.fromCodePoint(c.code));
    return UNSPECIFIED;
  });
  const writeString = (s: Value, port: Value, start = 0, end?: number) => {
    if (!(s instanceof MString)) throw wrongType('write-string', 1, s, 'string');
    out('write-string', port).writeText(s.slice(start, end));
    return UNSPECIFIED;
  };
  d.tail('write-string', 1, 4, writeString);
  d.tail('put-string', 2, 4, (port, s, start = 0, count?: number) =>
    writeString(s, port, start, count === undefined ? undefined : start + count),
  );
  d.tail('put-char', 2, 2, (port, c) => {
    out('put-char', port, 1).writeText(String.fromCodePoint(c.code));
    return UNSPECIFIED;
  });
  d.tail('put-u8', 2, 2, (port, byte) => {
    if (typeof byte !== 'number') throw wrongType('put-u8', 2, byte);
    if (byte < 0 || byte > 255) throw outOfRange('put-u8', 2, byte);
    out('put-u8', port, 1).writeBytes(Uint8Array.of(byte));
    return UNSPECIFIED;
  });
  d.tail('put-bytevector', 2, 4, (port, bv, start = 0, count = bv.length - start) => {
    if (start + count > bv.length) throw outOfRange('put-bytevector', 4, count);
    out('put-bytevector', port, 1).writeBytes(bv.subarray(start, start + count));
    return UNSPECIFIED;
  });
  d.tail('force-output', 0, 1, () => UNSPECIFIED);
  d.alias('flush-output-port', 'force-output');
  d.tail('flush-all-ports', 0, 0, () => UNSPECIFIED);
  d.tail('simple-format', 2, MANY, (destination, message, ...args) => {
    const text = simpleFormat(message.text, args);
    if (destination === false) return str(text);
    out('simple-format', destination, 1).writeText(text);
    return UNSPECIFIED;
  });
  d.alias('format', 'simple-format');
}

/** `~a ~s ~% ~~` only. */
export function simpleFormat(template: string, args: readonly Value[]): string {
  let at = 0;
  const result = template.replace(/~(.|\n)/gs, (_, directive: string) => {
    switch (directive) {
      case 'a':
      case 'A':
        if (at >= args.length)
          throw miscError('simple-format', 'FORMAT: Missing argument for ~~~A', [
            char(directive.codePointAt(0)!),
          ]);
        return displayText(args[at++]);
      case 's':
      case 'S':
        if (at >= args.length)
          throw miscError('simple-format', 'FORMAT: Missing argument for ~~~A', [
            char(directive.codePointAt(0)!),
          ]);
        return writeText(args[at++]);
      case '%':
        return '\n';
      case '~':
        return '~';
    }
    throw miscError('simple-format', 'FORMAT: Unsupported format option ~~~A - use (ice-9 format) instead', [
      char(directive.codePointAt(0)!),
    ]);
  });
  if (at < args.length)
    throw miscError('simple-format', 'FORMAT: ~A superfluous arguments', [args.length - at]);
  return result;
}

function defineReading(d: Definer): void {
  const source = (who: string, port: Value, position = 1) =>
    portOf(d, { who, port, standard: 'input', position });
  d.tail('read-char', 0, 1, (port) => charOrEof(source('read-char', port).readChar()));
  d.tail('get-char', 1, 1, (port) => charOrEof(source('get-char', port).readChar()));
  d.tail('peek-char', 0, 1, (port) => charOrEof(source('peek-char', port).peekChar()));
  d.tail('lookahead-char', 1, 1, (port) => charOrEof(source('lookahead-char', port).peekChar()));
  d.tail('unread-char', 1, 2, (c, port) => {
    source('unread-char', port, 2).unread(String.fromCodePoint(c.code));
    return c;
  });
  d.tail('unread-string', 2, 2, (s, port) => {
    source('unread-string', port, 2).unread(s.text);
    return UNSPECIFIED;
  });
  d.tail('char-ready?', 0, 1, () => true);
  d.tail('u8-ready?', 0, 1, () => true);
  d.tail('get-u8', 1, 1, (port) => source('get-u8', port).readByte() ?? EOF);
  d.tail('lookahead-u8', 1, 1, (port) => source('lookahead-u8', port).peekByte() ?? EOF);
  d.tail('unget-bytevector', 2, 4, (port, bv, start = 0, count = bv.length - start) => {
    source('unget-bytevector', port).unreadBytes(bv.subarray(start, start + count));
    return UNSPECIFIED;
  });
  d.tail('get-bytevector-n', 2, 2, (port, n) => {
    const data = source('get-bytevector-n', port).readBytes(n);
    return data.length === 0 && n > 0 ? EOF : data;
  });
  d.tail('get-bytevector-n!', 4, 4, (port, bv, start, count) => {
    const data = source('get-bytevector-n!', port).readBytes(count);
    bv.set(data, start);
    return data.length === 0 && count > 0 ? EOF : data.length;
  });
  d.tail('get-bytevector-some', 1, 1, (port) => {
    const data = source('get-bytevector-some', port).readBytes(4096);
    return data.length === 0 ? EOF : data;
  });
  d.tail('get-bytevector-all', 1, 1, (port) => {
    const data = source('get-bytevector-all', port).readBytes(MANY);
    return data.length === 0 ? EOF : data;
  });
  d.tail('get-string-all', 1, 1, (port) => str(source('get-string-all', port).readText(MANY)));
  d.tail('get-string-n', 2, 2, (port, n) => {
    const text = source('get-string-n', port).readText(n);
    return text === '' && n > 0 ? EOF : str(text);
  });
  const line = (port: Port, handle: string): Value => {
    const found = port.readLine();
    if (found === undefined) return handle === 'split' ? new Pair(EOF, EOF) : EOF;
    const { text, ended } = found;
    switch (handle) {
      case 'concat':
        return str(text + (ended ? '\n' : ''));
      case 'split':
        return new Pair(str(text), ended ? char(10) : EOF);
      case 'peek':
        if (ended) port.unread('\n');
        return str(text);
    }
    return str(text);
  };
  d.tail('get-line', 1, 1, (port) => line(source('get-line', port), 'trim'));
  d.tail('read-line', 0, 2, (port, handle = intern('trim')) => line(source('read-line', port), handle.name));
  d.tail('%read-line', 0, 1, (port) => line(source('%read-line', port), 'split'));
  const readDatum = (port: Value, syntax: boolean): Value => {
    const from = source('read', port);
    const text = from.restText();
    const reader = new Reader(
      text,
      { file: from.name ?? '#f', syntax, extensions: d.session.extensions },
      { line: from.line + 1, column: from.column + 1 },
    );
    const datum = reader.read();
    from.advance(text.slice(0, reader.position));
    return datum;
  };
  d.tail('read', 0, 1, (port) => readDatum(port, false));
  d.tail('read-syntax', 0, 1, (port) => readDatum(port, true));
  d.tail('get-datum', 1, 1, (port) => readDatum(port, false));
  d.pure('eof-object?', 1, 1, (x) => x === EOF);
  d.pure('eof-object', 0, 0, () => EOF);
  d.value('the-eof-object', EOF);
  d.pure('read-hash-extend', 2, 2, (c, f) => {
    const character = String.fromCodePoint(c.code);
    if (f === false) d.session.extensions.delete(character);
    else {
      d.session.extensions.set(character, (_, reader) => {
        const port = new Port({ name: '#f', input: { text: reader.text.slice(reader.position) } });
        const datum = d.session.machine.apply(f, [c, port]);
        reader.position = reader.text.length - port.restText().length;
        return datum;
      });
    }
    return UNSPECIFIED;
  });
}

const charOrEof = (c: string | undefined): Value => (c === undefined ? EOF : char(c.codePointAt(0)!));

function defineStringPorts(d: Definer): void {
  d.tail('open-input-string', 1, 1, (s) => {
    if (!(s instanceof MString)) throw wrongType('open-input-string', 1, s, 'string');
    return new Port({ name: '#f', kind: 'string', input: { text: s.text } });
  });
  d.tail(
    'open-output-string',
    0,
    0,
    () => new Port({ name: '#f', kind: 'string', output: { collect: true } }),
  );
  d.tail('get-output-string', 1, 1, (port) => {
    if (!(port instanceof Port)) throw wrongType('get-output-string', 1, port, 'port');
    return str(port.collectedText());
  });
  d.tail(
    'open-input-bytevector',
    1,
    1,
    (bv) => new Port({ name: '#f', kind: 'bytevector', input: { bytes: bv } }),
  );
  d.tail('open-bytevector-input-port', 1, 2, (bv) => {
    if (!(bv instanceof Uint8Array)) throw wrongType('open-bytevector-input-port', 1, bv, 'bytevector');
    return new Port({ name: '#f', kind: 'bytevector', input: { bytes: bv } });
  });
  const openBytes = () => {
    const port = new Port({ name: '#f', kind: 'bytevector', output: { collect: true } });
    const get = new Primitive('get-bytes', 0, 0, () => {
      const data = port.collectedBytes();
      port.forgetCollected();
      return data;
    });
    return { port, get };
  };
  d.tail('open-bytevector-output-port', 0, 1, () => {
    const { port, get } = openBytes();
    return new MultipleValues([port, get]);
  });
  d.tail('open-output-bytevector', 0, 0, () => openBytes().port);
  d.tail('get-output-bytevector', 1, 1, (port) => port.collectedBytes());
  d.steps('call-with-output-bytevector', 1, 1, function* (f) {
    const port = new Port({ name: '#f', kind: 'bytevector', output: { collect: true } });
    yield tail1(f, port);
    return port.collectedBytes();
  });
  const custom = (id: Value, options: Partial<PortOptions>, close: Value) =>
    new Port({
      name: displayText(id),
      kind: 'custom',
      ...options,
      onClose: close === false ? undefined : () => d.session.machine.apply(close, []),
    });
  const reading = (f: Value): PortOptions['input'] => ({
    pull: (count) => {
      const buffer = new Uint8Array(count);
      const n = d.session.machine.apply(f, [buffer, 0, count]);
      return buffer.subarray(0, n);
    },
  });
  const writing = (f: Value): PortOptions['output'] => ({
    push: (data) => {
      for (let at = 0; at < data.length; ) {
        const n = d.session.machine.apply(f, [new Uint8Array(data), at, data.length - at]);
        if (n === 0) return;
        at += n;
      }
    },
  });
  d.tail('make-custom-binary-input-port', 5, 5, (id, read, _get, _set, close) =>
    custom(id, { input: reading(read) }, close),
  );
  d.tail('make-custom-binary-output-port', 5, 5, (id, write, _get, _set, close) =>
    custom(id, { output: writing(write) }, close),
  );
  d.tail('make-custom-binary-input/output-port', 6, 6, (id, read, write, _get, _set, close) =>
    custom(id, { input: reading(read), output: writing(write) }, close),
  );
  d.tail('make-soft-port', 2, 3, (operations) => {
    const [writeChar, writeString, , readChar, close] = Array.isArray(operations)
      ? operations
      : listToArray(operations);
    return new Port({
      name: 'soft',
      kind: 'soft',
      ...(writeString === false
        ? {}
        : {
            output: {
              pushText: (text: string) =>
                void (text.length === 1 && writeChar !== false
                  ? d.session.machine.apply(writeChar, [char(text.codePointAt(0)!)])
                  : d.session.machine.apply(writeString, [str(text)])),
            },
          }),
      ...(readChar === false || readChar === undefined
        ? {}
        : {
            input: {
              pull: () => {
                const c = d.session.machine.apply(readChar, []);
                return c instanceof Char
                  ? new Uint8Array(Buffer.from(String.fromCodePoint(c.code)))
                  : new Uint8Array();
              },
            },
          }),
      onClose: close === undefined || close === false ? undefined : () => d.session.machine.apply(close, []),
    });
  });
  d.tail(
    '%make-void-port',
    1,
    1,
    () => new Port({ name: 'void', kind: 'void', input: { text: '' }, output: { push: () => {} } }),
  );
}

function defineFilePorts(d: Definer): void {
  const { host } = d.session;
  const systemError = (who: string, path: string, code: number, message: string) =>
    throwError('system-error', str(who), str('~A: ~S'), list(str(message), str(path)), list(code));
  const openInput = (path: Value): Port => {
    if (!(path instanceof MString)) throw wrongType('open-file', 1, path, 'string');
    const data = host.readFile(path.text);
    if (data === undefined) throw systemError('open-file', path.text, 2, 'No such file or directory');
    return new Port({ name: path.text, kind: 'file', input: { bytes: data } });
  };
  const openOutput = (path: Value, append: boolean): Port => {
    if (!(path instanceof MString)) throw wrongType('open-file', 1, path, 'string');
    if (host.writeFile === undefined) throw systemError('open-file', path.text, 30, 'Read-only file system');
    const port: Port = new Port({
      name: path.text,
      kind: 'file',
      output: { collect: true },
      onClose: () => host.writeFile?.(path.text, port.collectedBytes()),
    });
    if (append) {
      const before = host.readFile(path.text);
      if (before !== undefined) port.writeBytes(before);
    }
    return port;
  };
  d.tail('open-input-file', 1, MANY, openInput);
  d.tail('open-output-file', 1, MANY, (path) => openOutput(path, false));
  d.tail('open-file', 2, MANY, (path, mode) => {
    const flags = mode.text as string;
    return flags.startsWith('r') && !flags.includes('+')
      ? openInput(path)
      : openOutput(path, flags.startsWith('a'));
  });
  d.tail('open', 2, 3, (path) => openInput(path));
  const close = (port: Value) => {
    if (!(port instanceof Port)) throw wrongType('close-port', 1, port, 'port');
    return port.close();
  };
  d.tail('close-port', 1, 1, close);
  for (const name of ['close', 'close-input-port', 'close-output-port', 'close-fdes'])
    d.alias(name, 'close-port');
  d.pure('port?', 1, 1, (x) => x instanceof Port);
  d.pure('input-port?', 1, 1, (x) => x instanceof Port && x.canRead);
  d.pure('output-port?', 1, 1, (x) => x instanceof Port && x.canWrite);
  d.pure('port-closed?', 1, 1, (x) => x.closed);
  d.pure('textual-port?', 1, 1, (x) => x instanceof Port);
  d.pure('binary-port?', 1, 1, (x) => x instanceof Port);
  d.pure('file-port?', 1, 1, (x) => x instanceof Port && x.kind === 'file');
  d.pure('port-filename', 1, 1, (x) => (x.name === undefined || x.name === '#f' ? false : str(x.name)));
  d.pure('set-port-filename!', 2, 2, (x, name) => {
    x.name = name === false ? undefined : displayText(name);
    return UNSPECIFIED;
  });
  d.pure('port-line', 1, 1, (x) => x.line);
  d.pure('port-column', 1, 1, (x) => x.column);
  d.pure('set-port-line!', 2, 2, (x, line) => {
    x.line = line;
    return UNSPECIFIED;
  });
  d.pure('set-port-column!', 2, 2, (x, column) => {
    x.column = column;
    return UNSPECIFIED;
  });
  d.pure('port-encoding', 1, 1, (x) => str(x.encoding));
  d.pure('set-port-encoding!', 2, 2, (x, encoding) => {
    x.encoding = encoding.text;
    return UNSPECIFIED;
  });
  d.pure('port-conversion-strategy', 1, 1, () => intern('substitute'));
  d.pure('set-port-conversion-strategy!', 2, 2, () => UNSPECIFIED);
  d.pure('setvbuf', 2, 3, () => UNSPECIFIED);
  d.pure('fileno', 1, 1, () => 0);
  d.pure('isatty?', 1, 1, () => false);
  d.pure('port-position', 1, 1, (port) => port.position);
  d.tail('seek', 3, 3, (port, offset, whence) => port.seek(offset, whence));
  d.pure('ftell', 1, 1, (port) => port.position);
  d.value('SEEK_SET', 0);
  d.value('SEEK_CUR', 1);
  d.value('SEEK_END', 2);
  d.pure('copy-file-contents', 2, 2, () => UNSPECIFIED);
}

/** Ports of (guile). */
export function definePorts(d: Definer): void {
  const { host, machine } = d.session;
  const standard = (name: string, port: Port) => {
    d.value(name, new Parameter(new Fluid(port), identity));
    d.pure(`set-${name}`, 1, 1, (value) => {
      machine.fluidSet(d.module.local(intern(name))!.value.fluid, value);
      return UNSPECIFIED;
    });
  };
  const text = (data: Uint8Array) => Buffer.from(data).toString('utf8');
  standard('current-input-port', new Port({ name: 'standard input', kind: 'file', input: { text: '' } }));
  standard(
    'current-output-port',
    new Port({
      name: 'file 1',
      kind: 'file',
      output: { push: (data) => host.stdout(text(data)), pushText: (t) => host.stdout(t) },
    }),
  );
  standard(
    'current-error-port',
    new Port({
      name: 'file 2',
      kind: 'file',
      output: { push: (data) => host.stderr(text(data)), pushText: (t) => host.stderr(t) },
    }),
  );
  standard(
    'current-warning-port',
    new Port({
      name: 'file 2',
      kind: 'file',
      output: { push: (data) => host.stderr(text(data)), pushText: (t) => host.stderr(t) },
    }),
  );
  defineWriting(d);
  defineReading(d);
  defineStringPorts(d);
  defineFilePorts(d);
  writeHooks.current ??= {
    printRecord: (record: Rec, printer: Value, display: boolean) => {
      if (printer instanceof Primitive && printer.name === 'print-struct') return plainRecordText(record);
      const port = new Port({ name: '#f', kind: 'string', output: { collect: true } });
      void display;
      currentPrinter.apply!(printer, [record, port]);
      return port.collectedText();
    },
  };
  currentPrinter.apply = (f, args) => machine.apply(f, args);
}

/** Applies record printers on the interpreter that prints. */
const currentPrinter: { apply: ((f: Value, args: readonly Value[]) => Value) | undefined } = {
  apply: undefined,
};
