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

install: $(VENV)/.installed  ## make .venv with the tested versions of everything

# The stamp is newer than what it was made from only if pip has succeeded.
$(VENV)/.installed: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing visprof and its tested dependencies into $(VENV) (a few minutes the first time)"
	@$(BIN)/python -m pip install --quiet --quiet --no-compile --disable-pip-version-check \
	    --constraint constraints.txt --editable '.[all,test]'
	@$(BIN)/python -m pip check --disable-pip-version-check
	@touch $@

book: install  ## execute every chapter and build _build/PRESET/html
	@$(BIN)/visprof build --preset '$(PRESET)' --data '$(DATA)' $(foreach p,$(PARAMS),-p '$(p)')

run: install  ## execute one chapter, CHAPTER, with PARAMS, into a folder of _build/runs
	@$(BIN)/visprof run '$(CHAPTER)' --preset '$(PRESET)' $(if $(DATA),--data '$(DATA)') $(foreach p,$(PARAMS),-p '$(p)')

pdf: install  ## print the built book into _build/PRESET/book.pdf (needs Chromium)
	@$(BIN)/visprof pdf --preset '$(PRESET)'

serve: install  ## show the built book at http://localhost:PORT
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

results: install  ## publish the ledgers of the demo, boards and travel books, each of one commit, in results/
	@$(BIN)/visprof publish demo boards travel

verify: install  ## make the published numbers of PRESET again (with DATA), and compare
	@$(BIN)/visprof verify --preset '$(PRESET)' --data '$(DATA)'

clean:  ## remove what make book made (memoised steps too); .venv stays
	rm -rf _build
