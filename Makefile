# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
CARGO ?= cargo
INSTALL ?= install

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
CMAKEDIR ?= $(LIBDIR)/cmake/rbshim
# Of the tool only.
BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
UNITDIR ?= $(PREFIX)/lib/systemd/system

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
CARGO_TARGET_DIR ?= target
TARGET := $(CARGO_TARGET_DIR)$(if $(CARGO_BUILD_TARGET),/$(CARGO_BUILD_TARGET))
# What cargo makes, and what ships.
COMPILED := $(TARGET)/release/librbshim.a
BUILD := $(TARGET)/package
DIST := $(CARGO_TARGET_DIR)/dist
BENCH = $(abspath $(CARGO_TARGET_DIR))/bench
TOOL = $(abspath $(CARGO_TARGET_DIR))/tool
TOOL_BUILD = $(TOOL)$(if $(CARGO_BUILD_TARGET),/$(CARGO_BUILD_TARGET))/release

INSTALLER = SOURCE='$(CURDIR)' BUILD='$(BUILD)' VERSION='$(VERSION)' PREFIX='$(PREFIX)' LIBDIR='$(LIBDIR)' \
	INCLUDEDIR='$(INCLUDEDIR)' MANDIR='$(MANDIR)' PKGCONFIGDIR='$(PKGCONFIGDIR)' CMAKEDIR='$(CMAKEDIR)' \
	BINDIR='$(BINDIR)' DATADIR='$(DATADIR)' UNITDIR='$(UNITDIR)' TOOL='$(TOOL_BUILD)' \
	DESTDIR='$(DESTDIR)' INSTALL='$(INSTALL)' packaging/install.sh

all: build

# target/package/librbshim.so with its links, and librbshim.a.
build: compile
	@$(MAKE) --no-print-directory $(BUILD)/librbshim.a

# -fno-lto: with link-time optimization the C compiler would leave no machine code that rustc can put into an archive.
compile:
	@for tool in $(firstword $(CARGO)) $(firstword $(CC)); do \
		command -v $$tool >/dev/null || { echo "rbshim: $$tool is needed and not there" >&2; exit 1; }; done
	CFLAGS='$(CFLAGS) -fno-lto' $(CARGO) rustc --release --lib --crate-type staticlib --locked \
		--target-dir '$(CARGO_TARGET_DIR)' $(if $(CARGO_BUILD_TARGET),--target $(CARGO_BUILD_TARGET)) $(CARGOFLAGS)

$(BUILD)/librbshim.a: $(COMPILED) include/rbshim.h packaging/link.sh $(BUILD)/flags
	packaging/link.sh $(COMPILED) include/rbshim.h $(VERSION) $(BUILD)

# Keeps the flags of the last link. When others are given it becomes newer than the libraries, which are then linked
# again.
FLAGS = $(CC) $(CFLAGS) $(LDFLAGS) $(KEEP_DEBUG)
$(BUILD)/flags: force
	@mkdir -p $(BUILD)
	@echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' >$@

# Writes abi/librbshim.abi, after a function has been added. Any other change of it means a new soname.
abi: header
	abi/describe.sh include/rbshim.h abi/librbshim.abi

# Installs what is built already, perhaps by another user; builds only if there is nothing.
BUILT = $(if $(wildcard $(BUILD)/librbshim.a),,build)

install: $(BUILT)
	@$(INSTALLER) install

# For programs that dlopen libbpf: docs/dlopen.md. LIBBPF is the library that it is for.
LIBBPF ?= $(shell $(CC) -print-file-name=libbpf.so.1)
front: $(BUILT)
	@mkdir -p $(BUILD)/front
	packaging/front/build.sh $(BUILD)/librbshim.a '$(LIBBPF)' $(BUILD)/front/libbpf.so.1

# The front is built again when it is older than the libraries.
FRONT = $(if $(shell [ $(BUILD)/front/libbpf.so.1 -nt $(BUILD)/librbshim.a ] && echo built),,front)

install-front: $(FRONT)
	@$(INSTALLER) install-front

# The operator's program: docs/operators.md. A crate of its own, with a lock file of its own.
tool:
	@[ -d tool ] || { echo 'rbshim: the tool is in rbshim-tool-$(VERSION).tar.xz: unpack it as tool/' >&2; exit 1; }
	cd tool && $(CARGO) build --release --locked --target-dir '$(TOOL)' \
		$(if $(CARGO_BUILD_TARGET),--target $(CARGO_BUILD_TARGET)) $(CARGOFLAGS)

install-tool: $(if $(wildcard $(TOOL_BUILD)/rbshim),,tool)
	@$(INSTALLER) install-tool

uninstall:
	@$(INSTALLER) uninstall

# The source tarballs of the library and of the tool, each with the crates that it needs.
dist: dist-library dist-tool

dist-library dist-tool: dist-%:
	@CARGO='$(CARGO)' packaging/dist.sh $(VERSION) $(DIST) $*

demo:
	@demo/demo.sh

# Installs or lists what the tests need and this machine lacks.
setup:
	@[ -d tests ] || { echo 'rbshim: the tests are in the repository, not in the tarball' >&2; exit 1; }
	@scripts/setup.sh check

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --locked -- -D warnings

# After each change: style, warnings, and the tests of the Rust modules with the model. Needs neither root nor BPF.
quick: lint
	$(CARGO) test --locked --lib

# Everything, before a change is handed in. The tool's tests come after all others: the tool wakes readers of all
# programs that it finds, and other tests have readers that must not be woken.
check: setup
	shellcheck scripts/*.sh demo/*.sh abi/*.sh litmus/*.sh packaging/*.sh packaging/*/*.sh platforms/*.sh \
		platforms/*/*.sh .ci/run
	@$(MAKE) --no-print-directory lint
	cd benches && $(CARGO) fmt --check
	cd tool && $(CARGO) fmt --check
	@$(MAKE) --no-print-directory build
	@exec scripts/side-by-side.sh '$(MAKE)' '$(CARGO_TARGET_DIR)/check' check-library check-others
	$(CARGO) test --locked $(addprefix --test ,$(ALONE))
	cd tool && CARGO_TARGET_DIR=$(TOOL) $(CARGO) test --locked

# Tests of readers that linger. They do so only where nobody else wants their CPU, so nothing runs beside these.
ALONE = coalescing cpu_limit hot_rings soak
BESIDE = $(filter-out $(ALONE),$(basename $(notdir $(wildcard tests/*.rs))))

# The parts of that which are made side by side. Both find the library built.
check-library:
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps --locked
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps --locked --document-private-items
	$(CARGO) test --locked --lib $(addprefix --test ,$(BESIDE))
	$(CARGO) test --locked --doc

check-others:
	platforms/kernels/run.sh --short
	packaging/check/run.sh
	cd benches && CARGO_TARGET_DIR=$(BENCH) $(CARGO) clippy --release --all-targets --locked -- -D warnings
	cd benches && CARGO_TARGET_DIR=$(BENCH) $(CARGO) test --release --locked
	cd tool && CARGO_TARGET_DIR=$(TOOL) $(CARGO) clippy --all-targets --locked -- -D warnings
	cd tool && CARGO_TARGET_DIR=$(TOOL) $(CARGO) test --locked --no-run

# Packages, built and used in roots of Debian: needs a network.
package-check: setup
	shellcheck scripts/*.sh demo/*.sh abi/*.sh packaging/*.sh packaging/front/*.sh .ci/run
	packaging/check/run.sh

# The C programs on real kernels, old and new, of four architectures, under qemu: docs/compatibility.md. Needs a network
# the first time. KERNELS are some of platforms/kernels/list, like 'x86-64/5.10 s390x/6.12'.
# SHORT=1: two kernels, few programs, not relinked.
check-kernels: setup
	platforms/kernels/run.sh $(if $(SHORT),--short,$(KERNELS))

# Other architectures, emulated: ARCHS='aarch64 ppc64le s390x i686 armhf riscv64' or some of them.
# SHORT=1: the library alone, without tests and tool, for s390x unless ARCHS says otherwise.
check-arch:
	@[ -d platforms ] || { echo 'rbshim: the tests are in the repository, not in the tarball' >&2; exit 1; }
	@scripts/setup.sh build
	@ARCHS='$(ARCHS)' SHORT='$(SHORT)' platforms/arch/run.sh

# All ways to wait, for so many seconds together: target/soak.md. Then sequences drawn at random, each
# on libbpf and on rbshim.
COMPARE_CASES ?= 100000
SECONDS ?= 600
soak: setup
	SOAK_SECONDS=$(SECONDS) $(CARGO) test --locked --test soak -- --ignored --nocapture
	RBSHIM_COMPARE_CASES=$(COMPARE_CASES) $(CARGO) test --locked --test compare any_sequence -- --nocapture \
		--test-threads=1

# The race in the memory models of languages and machines, with herd7, which Debian lacks: litmus/README.md.
# LKMM is the kernel's model: tools/memory-model of a Linux source tree.
HERD ?= herd7
litmus:
	@[ -d litmus ] || { echo 'rbshim: the litmus tests are in the repository, not in the tarball' >&2; exit 1; }
	@HERD='$(HERD)' LKMM='$(LKMM)' litmus/run.sh

# libbpf, rbshim and others side by side: docs/performance.md with its plots and raw figures. FULL=1 takes
# an hour.
bench: setup build
	cd benches && CARGO_TARGET_DIR=$(BENCH) $(CARGO) build --release --locked
	$(BENCH)/release/rbshim-bench suite $(if $(FULL),--full)

# include/rbshim.h, after a change in src/capi/.
header:
	$(CARGO) build --locked --features header

clean:
	$(CARGO) clean

# `tool` is a folder too.
.PHONY: all build compile force demo tool install-tool setup lint quick check check-library check-others soak litmus \
	bench header install front install-front uninstall dist dist-library dist-tool abi package-check check-kernels \
	check-arch clean
