// The bundle that crun and runc run: https://github.com/opencontainers/runtime-spec/blob/main/config.md.
import type { ContainerProcess } from './container-process.ts';

export interface BundleOptions {
  readonly process: ContainerProcess;
  /** Folder of the root file system. */
  readonly root: string;
  /** Whether the caller is not root, so that a user namespace with one user is needed. */
  readonly rootless: boolean;
  readonly hostUid: number;
  readonly hostGid: number;
}

const capabilities = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
];

/** The `config.json` of a container with namespaces of its own and no network but loopback. */
export function runtimeConfig({ process, root, rootless, hostUid, hostGid }: BundleOptions): unknown {
  const namespaces = ['pid', 'mount', 'ipc', 'uts', 'network', ...(rootless ? ['user'] : [])];
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: rootless ? { uid: 0, gid: 0 } : { uid: process.uid, gid: process.gid },
      args: process.args,
      env: process.env,
      cwd: process.cwd,
      noNewPrivileges: true,
      capabilities: {
        bounding: capabilities,
        effective: capabilities,
        permitted: capabilities,
      },
    },
    root: { path: root, readonly: false },
    hostname: 'localhost',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      {
        destination: '/dev',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
      },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: [
          'nosuid',
          'noexec',
          'newinstance',
          'ptmxmode=0666',
          'mode=0620',
          ...(rootless ? [] : ['gid=5']),
        ],
      },
      {
        destination: '/dev/shm',
        type: 'tmpfs',
        source: 'shm',
        options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'],
      },
      {
        destination: '/dev/mqueue',
        type: 'mqueue',
        source: 'mqueue',
        options: ['nosuid', 'noexec', 'nodev'],
      },
      { destination: '/run', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', 'mode=755'] },
    ],
    linux: {
      namespaces: namespaces.map((type) => ({ type })),
      ...(rootless
        ? {
            uidMappings: [{ containerID: 0, hostID: hostUid, size: 1 }],
            gidMappings: [{ containerID: 0, hostID: hostGid, size: 1 }],
          }
        : {}),
      maskedPaths: ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/proc/sched_debug'],
      readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
    },
  };
}
