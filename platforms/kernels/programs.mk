# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# Builds what a guest runs: the programs of c-tests/ for libbpf alone, linked with rbshim shared and static, their BPF
# programs, libbpf itself, and the libraries that they need. OUT is where; OUT/root becomes the guest's root.
#
#   CC, CXX    of the guest's architecture
#   SYSROOT    a folder with its libelf and zlib, if they are not where the compiler looks
#   LIBBPF     the folder src/ of libbpf
#   ONLY       programs that are needed; all if it is empty
#   WAYS       shared and static, if linking with rbshim is needed
#   LACKING    programs that need more than this libbpf has
#   RBSHIM     the folder with librbshim.so and librbshim.a
#   BPF        bpf or, for a big-endian guest, bpfeb

HERE := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))
SOURCES := $(abspath $(HERE)/../../c-tests)
ROOT := $(OUT)/root
# libbpf, its headers and those of the kernel, as it installs them.
INSTALLED := $(OUT)/libbpf

# Neither those with rbshim's own functions, nor what takes minutes.
ALL := $(basename $(notdir $(wildcard $(SOURCES)/*.c $(SOURCES)/*.cpp)))
EACH := $(filter-out %.bpf %_api soak $(LACKING),$(ALL))
CHOSEN := $(if $(strip $(ONLY)),$(filter $(ONLY),$(EACH)),$(EACH))
BPF_PROGRAMS := $(filter %.bpf,$(ALL))
HEADERS := $(wildcard $(SOURCES)/*.h)

comma := ,
TRIPLET := $(shell $(CC) -print-multiarch)
INCLUDE := $(if $(SYSROOT),-idirafter $(SYSROOT)/usr/include)
FOLDERS := $(if $(SYSROOT),$(SYSROOT)/usr/lib/$(TRIPLET) $(SYSROOT)/lib/$(TRIPLET))
LINK := $(addprefix -L,$(FOLDERS)) $(addprefix -Wl$(comma)-rpath-link=,$(FOLDERS))
FLAGS := -O2 -pthread -D_GNU_SOURCE -isystem $(INSTALLED)/include

LINKED := stock $(filter shared static,$(WAYS))
all: $(foreach way,$(LINKED),$(CHOSEN:%=$(ROOT)/programs/$(way)/%)) $(BPF_PROGRAMS:%=$(ROOT)/bpf/%.o)
	$(HERE)/libraries.sh '$(CC)' $(ROOT) $(INSTALLED)/lib $(RBSHIM) $(FOLDERS)

$(INSTALLED)/lib/libbpf.a: $(wildcard $(LIBBPF)/*.[ch])
	mkdir -p $(OUT)
	+$(MAKE) -C $(LIBBPF) OBJDIR=$(OUT)/libbpf-objects LIBDIR=$(INSTALLED)/lib INCLUDEDIR=$(INSTALLED)/include \
		UAPIDIR=$(INSTALLED)/include CC='$(CC)' CFLAGS='-O2 -w $(INCLUDE)' LDFLAGS='$(LINK)' NO_PKG_CONFIG=1 \
		install install_uapi_headers >$(OUT)/libbpf.log

$(OUT)/objects/%.o: $(SOURCES)/%.c $(HEADERS) $(INSTALLED)/lib/libbpf.a
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(FLAGS) -c -o $@ $<

$(OUT)/objects/%.o: $(SOURCES)/%.cpp $(HEADERS) $(INSTALLED)/lib/libbpf.a
	@mkdir -p $(@D)
	$(CXX) -std=gnu++17 $(FLAGS) -c -o $@ $<

# C++ links C too.
$(ROOT)/programs/stock/%: $(OUT)/objects/%.o
	@mkdir -p $(@D)
	$(CXX) -s -pthread -L$(INSTALLED)/lib $(LINK) -o $@ $< -lbpf

$(ROOT)/programs/shared/%: $(OUT)/objects/%.o $(RBSHIM)/librbshim.a
	@mkdir -p $(@D)
	$(CXX) -s -pthread -L$(RBSHIM) -L$(INSTALLED)/lib $(LINK) -o $@ $< -lrbshim -lbpf

$(ROOT)/programs/static/%: $(OUT)/objects/%.o $(RBSHIM)/librbshim.a
	@mkdir -p $(@D)
	$(CXX) -s -pthread $(LINK) -o $@ $< $(RBSHIM)/librbshim.a $(INSTALLED)/lib/libbpf.a -lelf -lz -lgcc_s

# <asm/types.h> is in the folder of an architecture, for which this is not compiled.
$(ROOT)/bpf/%.bpf.o: $(SOURCES)/%.bpf.c $(HEADERS) $(INSTALLED)/lib/libbpf.a
	@mkdir -p $(@D)
	clang -O2 -g -target $(BPF) -I $(INSTALLED)/include -idirafter /usr/include/$(shell cc -print-multiarch) -o $@ -c $<

.SECONDARY:
.DELETE_ON_ERROR:
