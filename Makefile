# The verbs of this repository. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup build demo test check fuzz bench wheel proto clean

help: ## list the verbs
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

setup: ## install what is missing: system packages and .venv
	@dev/setup.sh

build: setup ## build the release binaries and install the Python package into .venv
	@dev/build.sh

demo: build ## run the mixed-language pipeline on the standard library's sources
	@.venv/bin/python examples/stdlib-report/main.py

test: build ## run all tests
	@dev/test.sh

check: build ## format, lint, types, tidiness, then all tests
	@dev/check.sh
	@dev/test.sh

fuzz: setup ## look for bytes that harm the decoders: a minute for each of them
	@dev/fuzz.sh

bench: build ## measure side by side with ProcessPoolExecutor, Ray and Dask
	@dev/bench.sh

wheel: build ## make a wheel for other machines, with every library that it needs: dist/
	@dev/wheel.sh

simulate: build ## run the cores under 10,000 seeds of simulated faults, and 10 with 1,000 nodes
	@dev/simulate.sh

mutants: ## plant each bug of Tests/Mutants in a copy of the cores; the simulator has to find them all
	@dev/mutants.sh

proto: ## generate the gRPC code anew from the .proto files (builds the generators: about ten minutes)
	@dev/generate-protos.sh

clean: ## remove everything that was built
	rm -rf .build .venv dist
