# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Opens libbpf as ctypes does, reads a ring, has a warning printed, and closes libbpf again."""
import _ctypes
import ctypes
import re

RINGBUF = 27


class Found(ctypes.Structure):
    _fields_ = [("file", ctypes.c_char_p), ("base", ctypes.c_void_p), ("name", ctypes.c_char_p), ("at", ctypes.c_void_p)]


libc = ctypes.CDLL(None)
libbpf = ctypes.CDLL("libbpf.so.1")
found = Found()
libc.dladdr(libbpf.ring_buffer__poll, ctypes.byref(found))
path = found.file.decode()
print("function of", path)

# The va_list is passed on as it is: a pointer on every machine but some, which is what vsnprintf() wants.
hook_type = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)


@hook_type
def hook(level, format, arguments):
    text = ctypes.create_string_buffer(256)
    libc.vsnprintf(text, len(text), ctypes.c_char_p(format), ctypes.c_void_p(arguments))
    text = re.sub(r"fd=\d+", "fd", text.value.decode().strip()).replace("-17", "EEXIST").replace("-EEXIST", "EEXIST")
    print("hook:", text.removeprefix("libbpf: "))
    return 0


callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)(lambda *unused: 0)
new = libbpf.ring_buffer__new
new.restype = ctypes.c_void_p
ring = libbpf.bpf_map_create(RINGBUF, b"ring", 0, 0, 4096, None)
manager = ctypes.c_void_p(new(ring, callback, None, None))
assert manager.value
libbpf.libbpf_set_print(hook)
libbpf.ring_buffer__add(manager, ring, callback, None)
print("records:", libbpf.ring_buffer__consume(manager))
libbpf.ring_buffer__free(manager)

_ctypes.dlclose(libbpf._handle)
with open("/proc/self/maps") as maps:
    print("still there:", "yes" if path in maps.read() else "no")
