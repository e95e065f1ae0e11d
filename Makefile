# make demo    photographs in, restored photographs out, on rendered people (4 to 10 minutes on two cores)
# make test    lint, types, all tests
# make torture kill, fail, damage and race every command for MINUTES=10, see tests/torture/README.md
# make format  put the source in the project's form
# make model   train the model that ships, from photographs of real people (hours; PHOTOGRAPHS names their folder,
#              POINTS_STEPS and MODEL_STEPS how long its two networks are trained)
# make clean   remove what the other targets made

PYTHON ?= python3.11
BIN    := .venv/bin
DEMO   := build/demo
# People and photographs of the demo, and how long each of its networks is trained.
PEOPLE ?= 60
PHOTOS ?= 6
STEPS  ?= 80
# The demo begins from the model that ships, which knows real people alone, and teaches it the look of these. float32,
# which every processor is fast at.
SHORT  := --init default --set warmup_steps=10 --set checkpoint_every=40 --set log_every=10 --set precision=float32
FACES  := --preset points --set max_steps=60 --set learning_rates=1e-3 --set validate_every=60
BRIEF  := --preset default --set max_steps=$(STEPS) --set learning_rates=2e-4 --set validate_every=40 --set scale=8
MODEL  := build/model
PHOTOGRAPHS ?= people
# How many steps the two networks of make model are trained.
POINTS_STEPS ?= 4000
MODEL_STEPS ?= 12000
EXTRAS ?= dev
# How long make torture goes on, in which order, and with what alone: a case by its name.
MINUTES ?= 10
SEED   ?= 0
CASE   ?=

.PHONY: demo test torture format model clean help

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

torture: .venv/ready
	@$(BIN)/python -m tests.torture --minutes $(MINUTES) --seed $(SEED) --case '$(CASE)'

format: .venv/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

demo: .venv/ready
	@echo "== 1/8  Rendering $(PEOPLE) invented people: $(DEMO)/people =="
	$(BIN)/gfr-data sample $(DEMO)/people --identities $(PEOPLE) --photos $(PHOTOS) --seed 1 --jobs 2
	@echo "== 2/8  Building guided pairs: $(DEMO)/pairs =="
	$(BIN)/gfr-data build-pairs --source vggface2=$(DEMO)/people/vggface2 --source casia-webface=$(DEMO)/people/casia-webface \
	  --landmarks file:$(DEMO)/people/landmarks68.csv --out $(DEMO)/pairs --jobs 2
	$(BIN)/gfr-data validate $(DEMO)/pairs
	@echo "== 3/8  Degrading the test sets: $(DEMO)/degraded =="
	$(BIN)/gfr-data degrade $(DEMO)/pairs --out $(DEMO)/degraded --scale 8 --jobs 2
	@echo "== 4/8  Training for a little, from the model that ships: $(DEMO)/guided, and $(DEMO)/unguided without a guide =="
	$(BIN)/gfr-train $(DEMO)/pairs --out $(DEMO)/points $(FACES) $(SHORT)
	$(BIN)/gfr-train $(DEMO)/pairs --out $(DEMO)/guided $(BRIEF) $(SHORT) --init $(DEMO)/points
	$(BIN)/gfr-train $(DEMO)/pairs --out $(DEMO)/unguided --variant=-WG $(BRIEF) $(SHORT)
	@echo "== 5/8  Scoring, also with another person's guide, (R): $(DEMO)/scores =="
	$(BIN)/gfr-eval score $(DEMO)/degraded --run unguided=$(DEMO)/unguided --out $(DEMO)/scores
	$(BIN)/gfr-eval score $(DEMO)/degraded --run guided=$(DEMO)/guided --random-guide --out $(DEMO)/scores
	$(BIN)/gfr-eval report $(DEMO)/scores --out $(DEMO)/scores/report.html
	@echo "== 6/8  Restoring an old photograph of somebody who is not in the training set: $(DEMO)/restored =="
	$(BIN)/gfr-eval restore $(DEMO)/people/album/photograph.jpg --guide $(DEMO)/people/album/guides --run $(DEMO)/guided \
	  --out $(DEMO)/restored/photograph.png --compare --strength 1
	@echo "== 7/8  What the guide did there: $(DEMO)/explained.png =="
	$(BIN)/gfr-eval explain $(DEMO)/people/album/photograph.jpg --guide $(DEMO)/people/album/guides --run $(DEMO)/guided \
	  --other-guide "$$(ls -d $(DEMO)/people/vggface2/train/* | head -n 1)" --out $(DEMO)/explained.png --overwrite
	@echo "== 8/8  Table 1 of the paper, its form filled with these people: PSNR and SSIM of the face =="
	$(BIN)/gfr-eval table $(DEMO)/scores --face
	@echo
	@echo "Look at:"
	@echo "  $(DEMO)/explained.png                points, flow, warped guide, and what another guide would have made"
	@echo "  $(DEMO)/pairs/report.html            what was found in the photographs, and why some were left out"
	@echo "  $(DEMO)/guided/summary.html          training curves and samples"
	@echo "  $(DEMO)/scores/report.html           input, guide, warped guide, output, truth"
	@echo "  $(DEMO)/restored/                    the restored photograph, and the comparison beside it"
	@echo "  $(DEMO)/people/album/                the old photograph, its guides, and truth.jpg: what it showed when new"

# Its three sources are named as tests/benchmarks/guidance.md says. Stopped anywhere, the same command goes on.
model: .venv/ready
	$(BIN)/gfr-data build-pairs --source folder:celeba=$(PHOTOGRAPHS)/celeba --source folder:london=$(PHOTOGRAPHS)/london \
	  --source lfw=$(PHOTOGRAPHS)/lfw --landmarks file:$(PHOTOGRAPHS)/landmarks68.csv --set selection.most=20 \
	  --out $(MODEL)/pairs --jobs 2
	$(BIN)/gfr-train $(MODEL)/pairs --out $(MODEL)/points --preset points \
	  --set max_steps=$(POINTS_STEPS)
	$(BIN)/gfr-data weights get dlib-recognition
	$(BIN)/gfr-train $(MODEL)/pairs --out $(MODEL)/run --preset default --init $(MODEL)/points \
	  --set lambda_identity=2.1 --set max_steps=$(MODEL_STEPS)
	$(BIN)/python -m gfr_model.default $(MODEL)/run

clean:
	rm -rf .venv build .pytest_cache .mypy_cache .ruff_cache *.egg-info
