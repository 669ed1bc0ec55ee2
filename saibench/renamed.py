"""Names of modules and keys in configs and records of saibench 0.1."""

from __future__ import annotations

from typing import Any

PACKAGE = "saibench"
NOW = {
    "datamodules.force_field.extxyz.ExtxyzFrames": "datamodules.force_field.ase_files.AseFrames",
    "figures.beam_rotation": "figures.jet_tagging.beam_rotation",
    "figures.cumulative_csi": "figures.nowcasting.cumulative_csi",
    "figures.differential_trend": "figures.nowcasting.differential_trend",
    "figures.displacement_by_lead": "figures.nowcasting.displacement_by_lead",
    "figures.displacement_demo": "figures.nowcasting.displacement_demo",
    "figures.energy_against_force": "figures.force_field.energy_against_force",
    "figures.energy_error_over_time": "figures.force_field.energy_error_over_time",
    "figures.event_csi": "figures.nowcasting.event_csi",
    "figures.force_error_by_size": "figures.force_field.force_error_by_size",
    "figures.guarded_dynamics": "figures.force_field.guarded_dynamics",
    "figures.jet_data_sources": "figures.jet_tagging.data_sources",
    "figures.jet_energy_decay": "figures.jet_tagging.energy_decay",
    "figures.jet_energy_distribution": "figures.jet_tagging.energy_distribution",
    "figures.jet_energy_extrapolation": "figures.jet_tagging.energy_extrapolation",
    "figures.jet_error_tracing": "figures.jet_tagging.error_tracing",
    "figures.jet_sample_efficiency": "figures.jet_tagging.sample_efficiency",
    "figures.mae_distributions": "figures.nowcasting.mae_distributions",
    "figures.mean_intensity_by_lead": "figures.nowcasting.mean_intensity_by_lead",
    "figures.physical_prior": "figures.jet_tagging.physical_prior",
    "figures.point_errors": "figures.force_field.point_errors",
    "figures.prediction_stability": "figures.nowcasting.prediction_stability",
    "figures.rain_error_tracing": "figures.nowcasting.error_tracing",
    "figures.time_slices": "figures.force_field.time_slices",
    "figures.turned_molecules": "figures.force_field.rotated_molecules",
    "figures.window_similarity": "figures.force_field.window_similarity",
    "figures.windows": "figures.force_field.windows",
    "interpretation.equivariance_findings": "findings.force_field.equivariance",
    "interpretation.force_field_findings": "findings.force_field.claims",
    "interpretation.jet_findings": "findings.jet_tagging.claims",
    "interpretation.leak_audit.findings": "findings.leak_audit",
    "interpretation.learning_curve.findings": "findings.learning_curve",
    "interpretation.nowcasting_findings": "findings.nowcasting.claims",
    "interpretation.tracing.findings": "findings.tracing",
    "models.displacement_demo": "models.nowcasting.displacement_demo",
    "models.force_field.ForceFieldModule": "models.force_field.module.ForceFieldModule",
    "models.jet_tagging.JetTaggingModule": "models.jet_tagging.module.JetTaggingModule",
    "models.lr_schedules": "models.optim.lr_schedules",
    "models.nets.cartesian": "models.force_field.nets.cartesian",
    "models.nets.jets": "models.jet_tagging.nets",
    "models.nets.nequip": "models.force_field.nets.nequip",
    "models.nets.nowcastnet": "models.nowcasting.nets.nowcastnet",
    "models.nets.rain_baselines": "models.nowcasting.nets.baselines",
    "models.nowcasting.NowcastingModule": "models.nowcasting.module.NowcastingModule",
    "models.nowcastnet": "models.nowcasting.nowcastnet",
    "models.ranger": "models.optim.ranger",
    "report.event_viewer": "report.nowcasting.viewer",
    "report.jet_viewer": "report.jet_tagging.viewer",
    "report.molecule_viewer": "report.force_field.viewer",
}
"""Name in 0.1 → name now, both below `saibench`."""
OF_WORKLOAD = {
    "nowcasting": {
        "figures.errors_by_partition": "figures.nowcasting.errors_by_partition",
        "figures.model_comparison": "figures.nowcasting.model_comparison",
    }
}
"""By workload: names that have another meaning in other workloads."""
KEYS = {"shown": "save_samples"}
"""Key in 0.1 → key now, of a config, of its `datamodule` and of a record."""
BEFORE = {now: before for before, now in NOW.items()}


def current_name(name: str, workload: str = "") -> str:
    """Return the current name of a module, class or function of saibench.

    Args:
        name: dotted, from a config or a record; names of other packages stay as they are.
        workload: of that config or record.
    """
    return _translated(name, NOW | OF_WORKLOAD.get(workload, {}))


def current_keys(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings under their current keys."""
    return {KEYS.get(key, key): value for key, value in settings.items()}


def first_name(name: str) -> str:
    """Return the name in 0.1, which a run's hash uses: moving a class then changes no hash."""
    return _translated(name, BEFORE)


def _translated(name: str, names: dict[str, str]) -> str:
    package, _, rest = name.partition(".")
    if package != PACKAGE:
        return name
    parts = rest.split(".")
    for length in range(len(parts), 0, -1):
        found = names.get(".".join(parts[:length]))
        if found is not None:
            return ".".join((PACKAGE, found, *parts[length:]))
    return name
