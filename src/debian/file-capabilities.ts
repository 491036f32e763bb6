// File capabilities as setcap(8) takes them and Linux keeps them: the extended attribute security.capability, struct
// vfs_cap_data of linux/capability.h in its second version. Leaves out capabilities of a user namespace (version 3).

export const capabilityAttribute = 'security.capability';

/** Numbers are places in this list, which Linux only adds to. */
const names = (
  'chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service ' +
  'net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin ' +
  'sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override ' +
  'mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore'
).split(' ');

const version2 = 0x02000000;

/**
 * The attribute's value for a text such as `cap_net_raw,cap_net_admin=eip`: clauses of names, `+` or `=`, and which sets.
 * Undefined for a text that takes away, or names what is not known.
 *
 * @example
 * writeFileCapabilities('cap_net_raw+ep');
 */
export function writeFileCapabilities(text: string): Uint8Array | undefined {
  let permitted = 0n;
  let inheritable = 0n;
  let effective = false;
  for (const clause of text.split(/\s+/)) {
    const [, list, sets] = /^([a-z_,]+)[+=]([eip]+)$/.exec(clause.toLowerCase()) ?? [];
    if (list === undefined || sets === undefined) return undefined;
    for (const name of list.split(',')) {
      const number = names.indexOf(name.replace(/^cap_/, ''));
      if (number < 0) return undefined;
      if (sets.includes('p')) permitted |= 1n << BigInt(number);
      if (sets.includes('i')) inheritable |= 1n << BigInt(number);
      if (sets.includes('e')) effective = true;
    }
  }
  const bytes = Buffer.alloc(20);
  bytes.writeUInt32LE(version2 + (effective ? 1 : 0), 0);
  bytes.writeUInt32LE(Number(permitted & 0xffffffffn), 4);
  bytes.writeUInt32LE(Number(inheritable & 0xffffffffn), 8);
  bytes.writeUInt32LE(Number(permitted >> 32n), 12);
  bytes.writeUInt32LE(Number(inheritable >> 32n), 16);
  return new Uint8Array(bytes);
}
