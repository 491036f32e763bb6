# Compiles Python sources to byte code for Trimaran: reads packages of sources from standard input, writes their
# byte code to standard output. Each package is compiled in a child forked from the same fresh state, since marshal's
# output depends on how often strings are shared; so the bytes do not depend on what was compiled before.
#
# Request:  u32 count, then for each file u32 length and the path, u32 length and the source. Ends at end of input.
# Answer:   u32 count, then for each file u32 length and the byte code; length 0xFFFFFFFF where it does not compile.
# All numbers are big-endian. Byte code is hash-based and unchecked (PEP 552), so times do not matter.
import gc
import importlib.util
import os
import sys
import warnings
from importlib._bootstrap_external import _code_to_hash_pyc

warnings.simplefilter("ignore")
gc.disable()


def read(stream, size):
    data = stream.read(size)
    if len(data) != size:
        raise EOFError
    return data


def read_number(stream):
    return int.from_bytes(read(stream, 4), "big")


def read_package(stream):
    return [
        (read(stream, read_number(stream)), read(stream, read_number(stream)))
        for _ in range(read_number(stream))
    ]


def compile_file(path, source):
    try:
        code = compile(source, os.fsdecode(path), "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return bytes(_code_to_hash_pyc(code, importlib.util.source_hash(source), False))


def answer(out, files):
    out.write(len(files).to_bytes(4, "big"))
    for path, source in files:
        made = compile_file(path, source)
        if made is None:
            out.write(b"\xff\xff\xff\xff")
        else:
            out.write(len(made).to_bytes(4, "big"))
            out.write(made)
    out.flush()


def main():
    source = sys.stdin.buffer
    out = sys.stdout.buffer
    compile_file(b"warm-up", b"def f(a, *, b=1): return [a for a in b if f'{a}']\n")
    while True:
        try:
            files = read_package(source)
        except EOFError:
            return 0
        child = os.fork()
        if child == 0:
            try:
                answer(out, files)
                os._exit(0)
            except BaseException:
                os._exit(1)
        if os.waitpid(child, 0)[1] != 0:
            return 1


sys.exit(main())
