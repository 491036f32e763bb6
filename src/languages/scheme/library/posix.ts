// What (guile) has of POSIX beyond files: numbers of constants, and names whose work no Scheme program here may do.
// A program that mentions them loads; calling one says what is refused. Constants are those of Linux on x86-64.
import { unsupported } from '../errors.ts';
import { UNSPECIFIED } from '../values.ts';
import { type Definer, MANY } from './define.ts';
import { text } from './strings.ts';

const constants = `
AF_UNSPEC 0 AI_ADDRCONFIG 32 AI_ALL 16 AI_CANONNAME 2 AI_NUMERICHOST 4 AI_NUMERICSERV 1024
AI_PASSIVE 1 AI_V4MAPPED 8 AT_EMPTY_PATH 4096 AT_NO_AUTOMOUNT 2048 AT_SYMLINK_FOLLOW 1024
AT_SYMLINK_NOFOLLOW 256 E2BIG 7 EADDRINUSE 98 EADDRNOTAVAIL 99 EADV 68 EAFNOSUPPORT 97
EAI_ADDRFAMILY -9 EAI_AGAIN -3 EAI_ALLDONE -103 EAI_BADFLAGS -1 EAI_CANCELED -101 EAI_FAIL -4
EAI_FAMILY -6 EAI_IDN_ENCODE -105 EAI_INPROGRESS -100 EAI_MEMORY -10 EAI_NODATA -5 EAI_NONAME -2
EAI_NOTCANCELED -102 EAI_OVERFLOW -12 EAI_SERVICE -8 EAI_SOCKTYPE -7 EAI_SYSTEM -11 EALREADY 114
EBADE 52 EBADFD 77 EBADMSG 74 EBADR 53 EBADRQC 56 EBADSLT 57 EBFONT 59 EBUSY 16 ECANCELED 125 ECHRNG
44 ECOMM 70 ECONNABORTED 103 EDEADLK 35 EDEADLOCK 35 EDESTADDRREQ 89 EDOM 33 EDOTDOT 73 EDQUOT 122
EFAULT 14 EFBIG 27 EHOSTDOWN 112 EHOSTUNREACH 113 EHWPOISON 133 EIDRM 43 EILSEQ 84 EINPROGRESS 115
EIO 5 EISCONN 106 EISNAM 120 EKEYEXPIRED 127 EKEYREJECTED 129 EKEYREVOKED 128 EL2HLT 51 EL2NSYNC 45
EL3HLT 46 EL3RST 47 ELIBACC 79 ELIBBAD 80 ELIBEXEC 83 ELIBMAX 82 ELIBSCN 81 ELNRNG 48 EMEDIUMTYPE
124 EMFILE 24 EMSGSIZE 90 EMULTIHOP 72 ENAVAIL 119 ENETDOWN 100 ENETRESET 102 ENETUNREACH 101 ENFILE
23 ENOANO 55 ENOBUFS 105 ENOCSI 50 ENODATA 61 ENODEV 19 ENOEXEC 8 ENOKEY 126 ENOLCK 37 ENOLINK 67
ENOMEDIUM 123 ENOMEM 12 ENOMSG 42 ENONET 64 ENOPKG 65 ENOPROTOOPT 92 ENOSR 63 ENOSTR 60 ENOTBLK 15
ENOTCONN 107 ENOTNAM 118 ENOTRECOVERABLE 131 ENOTSOCK 88 ENOTTY 25 ENOTUNIQ 76 ENXIO 6 EOPNOTSUPP 95
EOVERFLOW 75 EOWNERDEAD 130 EPFNOSUPPORT 96 EPROTO 71 EPROTONOSUPPORT 93 EPROTOTYPE 91 ERANGE 34
EREMCHG 78 EREMOTE 66 EREMOTEIO 121 ERESTART 85 ERFKILL 132 ESHUTDOWN 108 ESOCKTNOSUPPORT 94 ESPIPE
29 ESRMNT 69 ESTALE 116 ESTRPIPE 86 ETIME 62 ETIMEDOUT 110 ETOOMANYREFS 109 ETXTBSY 26 EUCLEAN 117
EUNATCH 49 EUSERS 87 EWOULDBLOCK 11 EXFULL 54 EXIT_FAILURE 1 EXIT_SUCCESS 0 FD_CLOEXEC 1 F_DUPFD 0
F_GETFD 1 F_GETFL 3 F_GETOWN 9 F_SETFD 2 F_SETFL 4 F_SETOWN 8 INADDR_ANY 0 INADDR_BROADCAST
4294967295 INADDR_LOOPBACK 2130706433 INADDR_NONE 4294967295 IPPROTO_IP 0 IPPROTO_TCP 6 IPPROTO_UDP
17 IP_ADD_MEMBERSHIP 35 IP_DROP_MEMBERSHIP 36 IP_MULTICAST_IF 32 IP_MULTICAST_TTL 33 ITIMER_PROF 2
ITIMER_REAL 0 ITIMER_VIRTUAL 1 LC_ADDRESS 9 LC_IDENTIFICATION 12 LC_MEASUREMENT 11 LC_MONETARY 4
LC_NAME 8 LC_NUMERIC 1 LC_PAPER 7 LC_TELEPHONE 10 LC_TIME 2 MSG_DONTROUTE 4 MSG_DONTWAIT 64 MSG_OOB
1 MSG_PEEK 2 NSIG 65 O_ASYNC 8192 O_DIRECT 16384 O_DIRECTORY 65536 O_EXCL 128 O_IGNORE_CTTY 0
O_LARGEFILE 0 O_NDELAY 2048 O_NOATIME 262144 O_NOCTTY 256 O_NOFOLLOW 131072 O_NOLINK 0 O_NONBLOCK
2048 O_NOTRANS 0 O_PATH 2097152 O_SYNC 1052672 O_TMPFILE 4259840 O_TRUNC 512 PF_INET 2 PF_INET6 10
PF_UNSPEC 0 PIPE_BUF 4096 PRIO_PGRP 1 PRIO_PROCESS 0 PRIO_USER 2 SA_NOCLDSTOP 1 SA_RESTART 268435456
SIGABRT 6 SIGBUS 7 SIGCLD 17 SIGCONT 18 SIGFPE 8 SIGILL 4 SIGIO 29 SIGIOT 6 SIGPOLL 29 SIGPROF 27
SIGPWR 30 SIGRTMAX 64 SIGRTMIN 34 SIGSEGV 11 SIGSTKFLT 16 SIGSTKSZ 8192 SIGSYS 31 SIGTRAP 5 SIGTSTP
20 SIGTTIN 21 SIGTTOU 22 SIGURG 23 SIGUSR2 12 SIGVTALRM 26 SIGXCPU 24 SIGXFSZ 25 SIG_DFL 0 SIG_IGN 1
SOCK_DGRAM 2 SOCK_NONBLOCK 2048 SOCK_RAW 3 SOCK_RDM 4 SOCK_SEQPACKET 5 SOL_SOCKET 1 SO_BROADCAST 6
SO_DEBUG 1 SO_DONTROUTE 5 SO_ERROR 4 SO_KEEPALIVE 9 SO_LINGER 13 SO_NO_CHECK 11 SO_OOBINLINE 10
SO_PRIORITY 12 SO_RCVBUF 8 SO_REUSEADDR 2 SO_REUSEPORT 15 SO_SNDBUF 7 SO_TYPE 3 TCP_CORK 3
TCP_NODELAY 1 WAIT_ANY -1 WAIT_MYPGRP 0 WUNTRACED 2
`;

const refused = `
alarm chroot crypt ctermid dynamic-call dynamic-unlink endgrent endhostent endnetent endprotoent
endpwent endservent gai-strerror getaffinity getegid getgr getgrent getgrgid getgrnam getgroups
gethost gethostbyaddr gethostbyname gethostent getitimer getlogin getnet getnetbyaddr getnetbyname
getnetent getpass getpeername getpgrp getppid getpriority getproto getprotobyname getprotobynumber
getprotoent getpwent getrlimit getserv getservbyname getservbyport getservent getsid getsockname
getsockopt inet-lnaof inet-makeaddr inet-netof inet-ntop inet-pton mknod nice
open-fdes pause primitive-_exit recvfrom!  send setaffinity setegid seteuid setgid
setgr setgrent setgroups sethost sethostent setitimer setnet setnetent setpgid setpriority setproto
setprotoent setpw setpwent setrlimit setserv setservent setsid setsockopt setuid shutdown socketpair
strptime sync system-async-mark tcgetpgrp tcsetpgrp times tmpfile tzset
`;

/** Records of the C library, which Guile keeps in vectors. */
const vectors: Readonly<Record<string, string>> = {
  passwd: 'name passwd uid gid gecos dir shell',
  group: 'name passwd gid mem',
  hostent: 'name aliases addrtype length addr-list',
  netent: 'name aliases addrtype net',
  protoent: 'name aliases proto',
  servent: 'name aliases port proto',
  addrinfo: 'flags fam socktype protocol addr canonname',
  sockaddr: 'fam addr port',
  tms: 'clock utime stime cutime cstime',
};

const words = (text: string): string[] => text.trim().split(/\s+/);

/** Defines them in (guile); names that are there already stay. */
export function definePosix(d: Definer): void {
  const numbers = words(constants);
  for (let i = 0; i < numbers.length; i += 2) d.value(numbers[i]!, Number(numbers[i + 1]));
  for (const name of words(refused)) {
    d.pure(name, 0, MANY, () => {
      throw unsupported(`the procedure ${name}`);
    });
  }
  for (const [prefix, fields] of Object.entries(vectors)) {
    words(fields).forEach((field, index) => {
      d.pure(`${prefix}:${field}`, 1, 1, (vector) => vector[index]);
    });
  }
  d.pure('make-socket-address', 2, MANY, (family, ...rest) => [family, ...rest]);
  d.pure('sockaddr:path', 1, 1, (address) => address[1]);
  d.pure('status:exit-val', 1, 1, (status) => ((status & 0x7f) === 0 ? (status >> 8) & 0xff : false));
  d.pure('status:term-sig', 1, 1, (status) => {
    const signal = status & 0x7f;
    return signal !== 0 && signal !== 0x7f ? signal : false;
  });
  d.pure('status:stop-sig', 1, 1, (status) => ((status & 0xff) === 0x7f ? (status >> 8) & 0xff : false));
  d.pure('restore-signals', 0, 0, () => UNSPECIFIED);
  d.hidden('%compare-versions', 2, 2, (a, b) =>
    compareVersions(text('strverscmp', a), text('strverscmp', b, 2)),
  );
}

/** The C library's `strverscmp`: numbers within texts compare as numbers, those with leading zeros as fractions. */
function compareVersions(a: string, b: string): number {
  if (a === b) return 0;
  let i = 0;
  while (a[i] === b[i]) i++;
  const isDigit = (c: string | undefined) => c !== undefined && c >= '0' && c <= '9';
  let start = i;
  while (start > 0 && isDigit(a[start - 1])) start--;
  const common = a.slice(start, i);
  const [x, y] = [a[i], b[i]];
  const byCode = (x ?? '') < (y ?? '') ? -1 : 1;
  const byLength = () => {
    const length = (s: string) => /^\d*/.exec(s.slice(i))![0].length;
    return Math.sign(length(a) - length(b)) || byCode;
  };
  if (common === '') return isDigit(x) && isDigit(y) && x !== '0' && y !== '0' ? byLength() : byCode;
  if (/^0+$/.test(common)) {
    // One of them ends its zeros here: with a digit following it is the smaller.
    if (isDigit(x) === isDigit(y)) return byCode;
    return isDigit(x) ? -1 : 1;
  }
  if (common.startsWith('0')) return byCode;
  return byLength();
}
