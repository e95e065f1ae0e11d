# make demo    photographs in, restored photographs out, on rendered people (6 to 10 minutes on two cores)
# make test    lint, types, all tests
# make format  put the source in the project's form
# make clean   remove what the other targets made

PYTHON ?= python3.11
BIN    := .venv/bin
DEMO   := build/demo
# People and photographs of the demo. More people train a better model and take longer.
PEOPLE ?= 60
PHOTOS ?= 6
EXTRAS ?= dev

.PHONY: demo test format clean help

help:
	@sed -n 's/^# //p' Makefile

# One environment for everything. setup.cfg says what is needed, constraints.txt which versions were tested.
.venv/ready: setup.cfg setup.py constraints.txt
	@echo "== Making .venv with the packages that setup.cfg names =="
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --use-pep517 --editable '.[$(EXTRAS)]'
	@$(BIN)/python -c 'import cv2' 2>/dev/null || { echo "== This machine has no libGL: using OpenCV's build without windows =="; \
	  $(BIN)/python -m pip install --quiet --force-reinstall --no-deps --constraint constraints.txt opencv-python-headless; }
	@touch $@

test: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist worksteal

format: .venv/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

demo: .venv/ready
	@echo "== 1/7  Rendering $(PEOPLE) invented people: $(DEMO)/people =="
	$(BIN)/gfr-data sample $(DEMO)/people --identities $(PEOPLE) --photos $(PHOTOS) --seed 1 --jobs 2
	@echo "== 2/7  Building guided pairs: $(DEMO)/pairs =="
	$(BIN)/gfr-data build-pairs --source vggface2=$(DEMO)/people/vggface2 --source casia-webface=$(DEMO)/people/casia-webface \
	  --landmarks file:$(DEMO)/people/landmarks68.csv --out $(DEMO)/pairs --jobs 2
	$(BIN)/gfr-data validate $(DEMO)/pairs
	@echo "== 3/7  Degrading the test sets: $(DEMO)/degraded =="
	$(BIN)/gfr-data degrade $(DEMO)/pairs --out $(DEMO)/degraded --scale 4 --jobs 2
	@echo "== 4/7  Training GFRNet, preset demo: $(DEMO)/run =="
	$(BIN)/gfr-train $(DEMO)/pairs --out $(DEMO)/run --preset demo
	@echo "== 5/7  Scoring: $(DEMO)/scores =="
	$(BIN)/gfr-eval score $(DEMO)/degraded --run gfrnet-demo=$(DEMO)/run --out $(DEMO)/scores
	$(BIN)/gfr-eval report $(DEMO)/scores --out $(DEMO)/scores/report.html
	@echo "== 6/7  Restoring an old photograph of somebody who is not in the training set: $(DEMO)/restored =="
	$(BIN)/gfr-eval restore $(DEMO)/people/album/photograph.jpg --guide $(DEMO)/people/album/guides --run $(DEMO)/run \
	  --out $(DEMO)/restored/photograph.png --compare
	@echo "== 7/7  Table 1 of the paper, its form filled with these people =="
	$(BIN)/gfr-eval table $(DEMO)/scores
	@echo
	@echo "Look at:"
	@echo "  $(DEMO)/pairs/report.html            what was found in the photographs, and why some were left out"
	@echo "  $(DEMO)/run/summary.html             training curves and samples"
	@echo "  $(DEMO)/scores/report.html           input, guide, warped guide, output, truth"
	@echo "  $(DEMO)/restored/                    the restored photograph, and the comparison beside it"
	@echo "  $(DEMO)/people/album/                the old photograph, its guides, and truth.jpg: what it showed when new"

clean:
	rm -rf .venv build .pytest_cache .mypy_cache .ruff_cache *.egg-info
