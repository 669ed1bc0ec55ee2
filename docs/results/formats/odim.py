"""Write the MRMS events of NowcastNet as ODIM HDF5 composites, one file per frame.

    python docs/results/formats/odim.py <folder of the composites>

There is no file of a radar service beside the checkout: the rain is real, the layout is that of
ODIM 2.2, and the times are invented (event n begins at midnight of the n-th day).
"""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np

from saibench.datamodules.cache_root import cache_root
from saibench.datamodules.nowcasting.mrms import MRMS

GAIN, NODATA, UNDETECT = 0.01, 65535, 0
MINUTES = 10


def main(folder: Path) -> None:
    folder.mkdir(parents=True)
    source = MRMS()
    events = source.load(cache_root())
    for row in range(len(events.index)):
        event = events.read(row)
        begin = np.datetime64("2020-06-01T00:00:00", "s") + np.timedelta64(row, "D")
        for number, (rate, valid) in enumerate(zip(event.rate, event.valid, strict=True)):
            time = begin + np.timedelta64(MINUTES * number, "m")
            counts = np.where(valid, np.round(rate / GAIN), NODATA).astype(np.uint16)
            write(folder / f"{row:02d}-{number:02d}.h5", counts, time, source.pixel_km)


def write(path: Path, counts: np.ndarray, time: np.datetime64, pixel_km: float) -> None:
    """One composite of rain rates in hundredths of mm/h."""
    date, clock = str(time).replace("-", "").replace(":", "").split("T")
    with h5py.File(path, "w") as file:
        file.attrs["Conventions"] = np.bytes_(b"ODIM_H5/V2_2")
        what, where = file.create_group("what").attrs, file.create_group("where").attrs
        for name, value in (("object", "COMP"), ("date", date), ("time", clock)):
            what[name] = np.bytes_(value)
        where["xscale"] = where["yscale"] = 1000 * pixel_km
        data = file.create_group("dataset1/data1")
        data.create_dataset("data", data=counts, compression="gzip")
        values = {"gain": GAIN, "offset": 0.0, "nodata": float(NODATA), "undetect": float(UNDETECT)}
        data.create_group("what").attrs.update({"quantity": np.bytes_(b"RATE"), **values})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
