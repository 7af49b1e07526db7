# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
CARGO ?= cargo
INSTALL ?= install
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include

CARGO_TARGET_DIR ?= target
RELEASE = $(CARGO_TARGET_DIR)/release
BENCH = $(abspath $(CARGO_TARGET_DIR))/bench
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p;' Cargo.toml)

all: build

build:
	$(CARGO) build --release --lib --locked

demo:
	@demo/demo.sh

# What the tests need and this machine lacks.
setup:
	@scripts/setup.sh check

check: setup
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --locked -- -D warnings
	$(CARGO) test --locked
	cd benches && $(CARGO) fmt --check
	cd benches && CARGO_TARGET_DIR=$(BENCH) $(CARGO) clippy --release --all-targets --locked -- -D warnings
	cd benches && CARGO_TARGET_DIR=$(BENCH) $(CARGO) test --release --locked

# All ways to wait, for so many seconds together: target/soak.md. Then sequences drawn at random, each
# on libbpf and on rbshim.
COMPARE_CASES ?= 100000
SECONDS ?= 600
soak: setup
	SOAK_SECONDS=$(SECONDS) $(CARGO) test --locked --test soak -- --ignored --nocapture
	RBSHIM_COMPARE_CASES=$(COMPARE_CASES) $(CARGO) test --locked --test compare any_sequence -- --nocapture --test-threads=1

# libbpf, rbshim and others side by side: docs/performance.md with its plots and raw figures. FULL=1 takes
# an hour.
bench: setup build
	cd benches && CARGO_TARGET_DIR=$(BENCH) $(CARGO) build --release --locked
	$(BENCH)/release/rbshim-bench suite $(if $(FULL),--full)

# include/rbshim.h, after a change in src/capi/.
header:
	$(CARGO) build --locked --features header

install: build
	$(INSTALL) -d $(DESTDIR)$(LIBDIR) $(DESTDIR)$(INCLUDEDIR)
	$(INSTALL) -m 755 $(RELEASE)/librbshim.so $(DESTDIR)$(LIBDIR)/librbshim.so.$(VERSION)
	ln -sf librbshim.so.$(VERSION) $(DESTDIR)$(LIBDIR)/librbshim.so.1
	ln -sf librbshim.so.1 $(DESTDIR)$(LIBDIR)/librbshim.so
	$(INSTALL) -m 644 $(RELEASE)/librbshim.a $(DESTDIR)$(LIBDIR)/
	$(INSTALL) -m 644 include/rbshim.h $(DESTDIR)$(INCLUDEDIR)/

clean:
	$(CARGO) clean

.PHONY: all build demo setup check soak bench header install clean
