"""Draw the frames of ODIM composites.

python docs/results/formats/composite.py <picture> <composite>...
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from saibench.datamodules.nowcasting.series.formats import rain_file


def main(picture: Path, paths: list[Path]) -> None:
    figure, panels = plt.subplots(
        1, len(paths), figsize=(3.2 * len(paths), 3), layout="constrained"
    )
    for axes, path in zip(np.atleast_1d(panels), paths, strict=True):
        file = rain_file(path, None, None)
        print(path.name, file.layout())
        (frame,) = file.frames()
        rate = np.ma.masked_where(frame.missing | (frame.values == 0), frame.values)
        drawn = axes.imshow(rate, norm="log", vmin=0.1, vmax=100, cmap="viridis")
        axes.set(title=str(frame.time), xticks=[], yticks=[])
    figure.colorbar(drawn, ax=panels, label="rain rate [mm/h]")
    figure.savefig(picture, dpi=90)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
