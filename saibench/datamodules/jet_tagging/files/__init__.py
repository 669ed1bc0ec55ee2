"""Jets in the files of other frameworks: Parquet, ROOT, npz and HDF5."""
