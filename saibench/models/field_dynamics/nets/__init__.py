"""Nets that predict the next frame: `forward(fields, parameters)` → `(B, C, *grid)`.

`fields` `(B, H, C, *grid)` are the last H frames and `parameters` `(B, P)` those of the equation,
both standardised by the training partition, as is the prediction.
"""
