# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Sets a hook in a libbpf that Python has loaded for itself alone, and has the API warn.

The argument is the path of libbpf.so.1. The API comes from what is preloaded.
"""

import ctypes
import errno
import sys

HOOK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p
)

libbpf = ctypes.CDLL(sys.argv[1])
libbpf.libbpf_set_print.argtypes = [ctypes.c_void_p]
libbpf.libbpf_set_print.restype = ctypes.c_void_p
process = ctypes.CDLL(None, use_errno=True)
process.vsnprintf.argtypes = [
    ctypes.c_char_p,
    ctypes.c_size_t,
    ctypes.c_char_p,
    ctypes.c_void_p,
]


@HOOK
def hook(level, text_format, arguments):
    text = ctypes.create_string_buffer(512)
    process.vsnprintf(text, len(text), text_format, arguments)
    print(f"level {level}: {text.value.decode().rstrip()}")
    return 0


try:
    process.libbpf_set_print
    sys.exit("libbpf is in the default scope: this proves nothing")
except AttributeError:
    pass

address = ctypes.cast(hook, ctypes.c_void_p).value
libbpf.libbpf_set_print(address)
process.ring_buffer__new.restype = ctypes.c_void_p
manager = process.ring_buffer__new(-1, None, None, None)
print(f"manager {manager}, errno {errno.errorcode[ctypes.get_errno()]}")
print(f"the hook is still set: {libbpf.libbpf_set_print(None) == address}")
