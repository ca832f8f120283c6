# Each target is one line of what it runs. `make run` and `make test` install the Debian packages they lack.
.PHONY: run build test sweep bench bench-deploy bench-management crash fuzz sanitize check clean
MAKEFLAGS += --no-print-directory

CONFIG ?= config/development.yaml
SWEEP ?= 600

run: build   ## the appliance with development certificates; CONFIG=FILE serves another file
	sh certs/make.sh && exec .build/release/kontainers serve --config $(CONFIG)

build:       ## both programs, optimised, into .build/release
	scripts/install.sh build && swift build -c release --static-swift-stdlib

test: build  ## everything: unit, tidy, and the release programs against a Docker engine of the run's own
	scripts/install.sh test && swift build --build-tests
	swift test --skip-build --skip ApplianceTests --skip SimulationTests --skip ProxyTests
	swift test --skip-build --filter ProxyTests
	swift test --skip-build --filter SimulationTests
	swift test --skip-build --no-parallel --filter ApplianceTests
	.build/test-venv/bin/python Tests/Interface/interface.py
	.build/test-venv/bin/python Tests/Interface/crash.py --cycles 8

sweep:       ## new simulated days for SWEEP seconds, thousands of them
	KONTAINERS_PLANE=data KONTAINERS_SWEEP=$(SWEEP) swift test --scratch-path .build-data --filter SimulationTests

bench: build ## one worker beside nginx, HAProxy, Envoy, Caddy and Traefik, then UDP; writes Tests/Benchmarks/Results
	scripts/install.sh bench && python3 Tests/Benchmarks/bench.py && python3 Tests/Benchmarks/udp.py

bench-deploy: build ## what deploys lose, beside Traefik, Caddy and nginx; a Docker engine of its own, 6 minutes, root
	scripts/install.sh bench-deploy && python3 Tests/Benchmarks/deploy.py

bench-management: build ## what the management interface costs with 10,000 rules
	python3 Tests/Benchmarks/management.py

crash: build ## control is killed a thousand times in the middle of writes; nothing acknowledged may be lost
	scripts/install.sh test && .build/test-venv/bin/python Tests/Interface/crash.py --cycles 1000

fuzz:        ## every parser, snapshots and matching under libFuzzer, a minute each
	Tests/Fuzz/run.sh 60

sanitize:    ## the data plane's tests under AddressSanitizer, then ThreadSanitizer
	Tests/sanitize.sh

check:       ## the formatter's rules and the documents' links, as errors
	swift format lint --strict --recursive Package.swift Sources Tests
	docc convert Sources/kontainers/kontainers.docc --output-path .build/docc --warnings-as-errors

clean:       ## what was built; state under data/ stays
	rm -rf .build .build-data .build-fuzz .build-address .build-thread
