# `make` alone lists what there is.  Examples:
#   make book
#   make book PRESET=boards DATA=../my-boards PARAMS="n_clusters=50 seed=3"
#   make run CHAPTER=06-prediction PARAMS="n_clusters=50 distance=hellinger"

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

PRESET = demo
DATA =
PARAMS =
CHAPTER = 06-prediction
PORT = 8000

# Libraries are compiled when first imported (pip would compile all of them, most for nothing), and
# what is compiled must be kept: where this is set, each process would compile them for itself.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install book pdf run serve test fast lint lock results verify clean

help:  ## list these targets
	@grep -hE '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:.*## /\t/' | expand -t 12
	@echo
	@echo 'variables of book and verify: PRESET=$(PRESET) DATA=folder PARAMS="name=value name=value"; of serve: PRESET PORT'

install: $(VENV)/.installed  ## make .venv with the tested versions of everything, tests too

# Stamps are newer than what they were made from only if the installation has succeeded.
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(call bring,all$(COMMA)test)
	@touch $(VENV)/.for-book $@

# without what tests, a cluster, and documents, need
$(VENV)/.for-book: pyproject.toml constraints.txt
	@$(call bring,nets$(COMMA)book$(COMMA)collect$(COMMA)heif)
	@touch $@

COMMA := ,
WHAT = --constraint constraints.txt --editable '.[$(1)]'

# Into .venv, what these extras need.  uv is faster, and takes the build of PyTorch without CUDA
# where there is no GPU; but what pip was told of indexes it does not know: where it fails, pip does
# it.  pip says what it downloads, of which only what is large is shown, and the sum; and what it
# warns of once for each package (of an index that lacks it, say) is told once.
define bring
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || exit 1; \
	echo 'installing visprof[$(1)], with the tested versions of what it needs, into $(VENV)'; \
	if ! { command -v uv > /dev/null && \
	    uv pip install --python $(BIN)/python --torch-backend auto $(call WHAT,$(1)); }; then \
	    rm -f $(VENV)/.failed; \
	    { { $(BIN)/python -m pip install --no-compile --disable-pip-version-check --progress-bar off \
	        $(call WHAT,$(1)) || touch $(VENV)/.failed; } 2>&1 >&3 | awk "$$WARNINGS" >&2; } 3>&1 \
	        | awk "$$DOWNLOADS"; \
	    ! rm $(VENV)/.failed 2> /dev/null || exit 1; \
	fi; \
	$(BIN)/python -m pip check --disable-pip-version-check && du -sm $(VENV) | \
	    awk '{ print "$(VENV) takes " $$1 " MB of disk" }'
endef

define DOWNLOADS
/^ *(Downloading|Using cached) .*[.](whl|gz) [(]/ {
    size = substr($$(NF - 1), 2) * ($$NF ~ /GB/ ? 1000 : $$NF ~ /kB/ ? 0.001 : 1)
    files += 1; all += size
    if (size >= 20) { printf "  %5.0f MB  %s\n", size, $$(NF - 2); fflush() }
}
END { if (files) printf "  %5.0f MB in %d packages\n", all, files }
endef
define WARNINGS
/^WARNING/ { kind = $$0; gsub(/'[^']*'/, "", kind); if (told[kind]++) next }
{ print; fflush() }
endef
export DOWNLOADS WARNINGS

book: $(VENV)/.for-book  ## execute every chapter and build _build/PRESET/html
	@$(BIN)/visprof build --preset '$(PRESET)' --data '$(DATA)' $(foreach p,$(PARAMS),-p '$(p)')

run: $(VENV)/.for-book  ## execute one chapter, CHAPTER, with PARAMS, into a folder of _build/runs
	@$(BIN)/visprof run '$(CHAPTER)' --preset '$(PRESET)' $(if $(DATA),--data '$(DATA)') $(foreach p,$(PARAMS),-p '$(p)')

pdf: $(VENV)/.for-book  ## print the built book into _build/PRESET/book.pdf (needs Chromium)
	@$(BIN)/visprof pdf --preset '$(PRESET)'

serve: $(VENV)/.for-book  ## show the built book at http://localhost:PORT
	@$(BIN)/visprof serve --preset '$(PRESET)' --port '$(PORT)'

# A process a core; but each imports all libraries (a gigabyte), so that more than four do not pay.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --maxprocesses 4 --dist worksteal --numprocesses

test: lint  ## ruff and every test, the slow ones too
	@# slow tests wait for browsers and other processes: one more than the cores
	@$(PYTEST) $$(($$(getconf _NPROCESSORS_ONLN) + 1))

fast: install  ## the tests that take seconds
	@$(PYTEST) logical -m 'not slow'

lint: install  ## ruff
	@$(BIN)/ruff check .

lock: install  ## write the versions that .venv holds into constraints.txt
	@sed '/^[^#]/d' constraints.txt > constraints.new
	@# a local suffix such as +cpu names one index's build of a version: pin the version
	@$(BIN)/python -m pip freeze --all --exclude-editable --exclude pip | sed -E 's/\+[a-z0-9.]+$$//' >> constraints.new
	@mv constraints.new constraints.txt

results: $(VENV)/.for-book  ## publish the ledgers of the demo, boards and travel books, each of one commit, in results/
	@$(BIN)/visprof publish demo boards travel

verify: $(VENV)/.for-book  ## make the published numbers of PRESET again (with DATA), and compare
	@$(BIN)/visprof verify --preset '$(PRESET)' --data '$(DATA)'

clean:  ## remove what make book made (memoised steps too); .venv stays
	rm -rf _build
