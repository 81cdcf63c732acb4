"""Letters instead of words."""

from sweepformer.config.kinds import LabelKind
from sweepformer.data.rows import RawSplits, Rows
from sweepformer.data.sources.files import Transform
from sweepformer.data.sources.packages import package_fingerprint, package_folder


class Peptides:
    """5,200 peptides: antimicrobial ones (from APD3) against as many others (from UniProt).

    A row is the sequence in one-letter amino acids; tokenizer=char suits it. Carried by the package modlamp.

    Args:
        transform: called on every raw text.
    """

    labels = LabelKind.CLASS  # of each row

    def __init__(self, transform: Transform | None = None) -> None:
        self.transform = transform or str

    def fingerprint(self) -> str:
        return package_fingerprint("modlamp", "corpora")

    def read(self) -> RawSplits:
        path = package_folder("modlamp", "corpora") / "data" / "AMPvsUniProt.csv"
        _, *lines = path.read_text(encoding="utf-8").split("\n")
        sequences = [line.split(",") for line in lines if line.strip()]
        return RawSplits(
            train=Rows(
                texts=[self.transform(sequence.strip()) for sequence, _ in sequences],
                labels=["antimicrobial" if flag.strip() == "1" else "other" for _, flag in sequences],
                ids=[str(number) for number in range(1, len(sequences) + 1)],
                origin="peptides",
            )
        )
