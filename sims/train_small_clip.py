"""Train, export and score the small CLIP that ships in kbsc_tf/features/clip_small.

    python sims/train_small_clip.py --cifar10 DIR --cifar100 DIR --tiny-imagenet DIR --out DIR [--minutes M] [--resume]
    python sims/train_small_clip.py --evaluate DIR --cifar10 DIR --cifar100 DIR --tiny-imagenet DIR [--card FILE]

DIR of an image set holds train/CLASS/*.jpg and test/CLASS/*.jpg (CIFAR-10) or val/CLASS/*.jpg (Tiny-ImageNet), or the
set's own archive (CIFAR-100). Without any, the model learns the procedural set alone. Ctrl-C leaves a checkpoint,
which --resume takes up.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # kbsc_tf of this clone, installed or not


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar10", type=Path, metavar="DIR", help="CIFAR-10 as folders of images")
    parser.add_argument("--cifar100", type=Path, metavar="DIR", help="CIFAR-100 as its archive has it")
    parser.add_argument("--tiny-imagenet", type=Path, metavar="DIR", help="Tiny-ImageNet classes as folders of images")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of checkpoints; the model goes to DIR/export")
    parser.add_argument("--minutes", type=float, default=70, help="length of the training (default 70)")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument("--evaluate", type=Path, metavar="DIR", help="only score the exported model in DIR")
    parser.add_argument("--card", type=Path, metavar="training.json", help="with --evaluate: write DIR/README.md too")
    chosen = parser.parse_args()
    if not (chosen.evaluate or chosen.out):
        parser.error("give --out DIR to train, or --evaluate DIR to score a model")
    for folder in filter(None, (chosen.cifar10, chosen.cifar100, chosen.tiny_imagenet, chosen.evaluate)):
        if not folder.is_dir():
            parser.error(f"{folder} is not a folder")
    return chosen


def train(chosen: argparse.Namespace) -> Path:
    """Train and export; return the folder of the model."""
    from small_clip.data import TEMPLATES, Batches, load_sets
    from small_clip.export import export
    from small_clip.finish import spread_features
    from small_clip.tokenizer import save_tokenizer
    from small_clip.train import BATCH, HALVES, TWINS, Trainer, one_core_each

    one_core_each()
    print("loading images", flush=True)
    sets = load_sets(chosen.cifar10, chosen.cifar100, chosen.tiny_imagenet)
    texts = [template.format(name) for one in sets for name in one.classes for template in TEMPLATES]
    tokenizer = save_tokenizer(texts, 32, chosen.out / "tokenizer")
    trainer = Trainer(sets, tokenizer, chosen.out, chosen.minutes)
    if chosen.resume and trainer.resume():
        print(f"going on from minute {float(trainer.elapsed) / 60:.1f}", flush=True)
    else:
        trainer.pretrain_texts(10)
    trainer.run(Batches(sets, BATCH // HALVES, TWINS // HALVES, seed=int(trainer.step)))
    trainer.write_summary()
    spread_features(trainer, sets)
    folder = chosen.out / "export"
    samples = np.concatenate([one.training.images[:64, 0] for one in sets])
    difference = export(trainer.weights, trainer.sizes, tokenizer, samples, folder)
    print(f"written to {folder}; features differ from the training code's by at most {difference:.1e}")
    return folder


def main() -> int:
    """Run the command line."""
    chosen = arguments()
    try:
        folder = chosen.evaluate or train(chosen)
    except KeyboardInterrupt:
        print(f"stopped; go on with --resume (checkpoint in {chosen.out})", file=sys.stderr)
        return 130
    from small_clip.card import write_card
    from small_clip.data import load_sets
    from small_clip.evaluate import as_table, evaluate_sets

    training = chosen.card if chosen.evaluate else chosen.out / "training.json"
    sets = load_sets(chosen.cifar10, chosen.cifar100, chosen.tiny_imagenet, training=training is not None)
    scores = as_table(evaluate_sets(folder, sets))
    print(scores)
    if training:
        write_card(folder, training, sets, scores)
    return 0


if __name__ == "__main__":
    sys.exit(main())
