# SPDX-License-Identifier: Apache-2.0
"""Trajectories of diffusers' schedulers with a synthetic network.

The network is `0.9 x / (1 + |x|) + t / 1000 d` with fixed normal directions d, in single precision, so
that the test computes the same outputs from its own samples: a trajectory that agrees at its end
agrees in every step.
"""

import itertools
import json
import pathlib
import tempfile
import warnings

import diffusers
import numpy as np
import torch

SHAPE = (1, 4, 2, 4)
CLASSES = {
    "ddim": "DDIMScheduler",
    "pndm": "PNDMScheduler",
    "euler": "EulerDiscreteScheduler",
    "euler_a": "EulerAncestralDiscreteScheduler",
    "lms": "LMSDiscreteScheduler",
    "heun": "HeunDiscreteScheduler",
    "dpm++2m": "DPMSolverMultistepScheduler",
    "unipc": "UniPCMultistepScheduler",
    "lcm": "LCMScheduler",
    "tcd": "TCDScheduler",
}
# A case's seed is its number: new cases are appended.
FIRST = [method for method in CLASSES if method != "tcd"]
LATENT = {
    "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
    "beta_schedule": "scaled_linear", "steps_offset": 1, "clip_sample": False,
    "set_alpha_to_one": False, "skip_prk_steps": True, "trained_betas": None,
}
# As published with the named models; every key of those files.
PUBLISHED = {
    "sd-1.5": {
        "_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0", "beta_end": 0.012,
        "beta_schedule": "scaled_linear", "beta_start": 0.00085, "num_train_timesteps": 1000,
        "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1, "trained_betas": None,
        "clip_sample": False,
    },
    "sd-2.1": {
        "_class_name": "DDIMScheduler", "_diffusers_version": "0.8.0", "beta_end": 0.012,
        "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": False,
        "num_train_timesteps": 1000, "prediction_type": "v_prediction", "set_alpha_to_one": False,
        "skip_prk_steps": True, "steps_offset": 1, "trained_betas": None,
    },
    "sd-turbo": {
        "_class_name": "EulerDiscreteScheduler", "_diffusers_version": "0.24.0.dev0",
        "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
        "clip_sample": False, "interpolation_type": "linear", "num_train_timesteps": 1000,
        "prediction_type": "epsilon", "rescale_betas_zero_snr": False,
        "sample_max_value": 1.0, "set_alpha_to_one": False, "sigma_max": None, "sigma_min": None,
        "skip_prk_steps": True, "steps_offset": 1, "timestep_spacing": "trailing",
        "timestep_type": "discrete", "trained_betas": None, "use_karras_sigmas": False,
    },
    "lcm-dreamshaper": {
        "_class_name": "LCMScheduler", "_diffusers_version": "0.22.0.dev0", "beta_end": 0.012,
        "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": False,
        "clip_sample_range": 1.0, "dynamic_thresholding_ratio": 0.995, "num_train_timesteps": 1000,
        "original_inference_steps": 50, "prediction_type": "epsilon",
        "rescale_betas_zero_snr": False, "sample_max_value": 1.0, "set_alpha_to_one": True,
        "steps_offset": 0, "thresholding": False, "timestep_scaling": 10.0,
        "timestep_spacing": "leading", "trained_betas": None,
    },
    "dreamlike-euler-a": {
        "_class_name": "EulerAncestralDiscreteScheduler", "_diffusers_version": "0.12.0.dev0",
        "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
        "clip_sample": False, "num_train_timesteps": 1000, "prediction_type": "epsilon",
        "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1, "trained_betas": None,
    },
    "dpm-karras": {
        "_class_name": "DPMSolverMultistepScheduler", "_diffusers_version": "0.17.0.dev0",
        "algorithm_type": "dpmsolver++", "beta_end": 0.012, "beta_schedule": "scaled_linear",
        "beta_start": 0.00085, "clip_sample": False, "dynamic_thresholding_ratio": 0.995,
        "lambda_min_clipped": float("-inf"), "lower_order_final": True,
        "num_train_timesteps": 1000, "prediction_type": "epsilon", "sample_max_value": 1.0,
        "set_alpha_to_one": False, "skip_prk_steps": True, "solver_order": 2,
        "solver_type": "midpoint", "steps_offset": 1, "thresholding": False,
        "timestep_spacing": "leading", "trained_betas": None, "use_karras_sigmas": True,
        "variance_type": None,
    },
    "unipc": {
        "_class_name": "UniPCMultistepScheduler", "_diffusers_version": "0.15.0.dev0",
        "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
        "clip_sample": False, "disable_corrector": [], "dynamic_thresholding_ratio": 0.995,
        "lower_order_final": True, "num_train_timesteps": 1000, "predict_x0": True,
        "prediction_type": "epsilon", "sample_max_value": 1.0, "set_alpha_to_one": False,
        "skip_prk_steps": True, "solver_order": 2, "solver_p": None, "solver_type": "bh2",
        "steps_offset": 1, "thresholding": False, "trained_betas": None,
    },
    "deis": {
        "_class_name": "DEISMultistepScheduler", "_diffusers_version": "0.20.0",
        "algorithm_type": "deis", "beta_end": 0.012, "beta_schedule": "scaled_linear",
        "beta_start": 0.00085, "solver_type": "logrho", "solver_order": 2, "steps_offset": 1,
        "num_train_timesteps": 1000, "prediction_type": "epsilon", "clip_sample": False,
    },
    "openjourney-minimal": {"_class_name": "PNDMScheduler", "skip_prk_steps": True},
}
# Not among the step counts: 61, 103, 121, 122, 201 … with trailing spacing, for which numpy's arange
# rounds its way to one timestep too many, at -1.
EXTRAS = [
    # (name, method, changes to LATENT, steps, eta)
    *[(f"ddim-eta-{e}", "ddim", {}, 25, e) for e in (0.3, 1.0)],
    ("ddim-alpha-to-one-eta", "ddim", {"set_alpha_to_one": True, "steps_offset": 0}, 25, 1.0),
    ("ddim-clip", "ddim", {"clip_sample": True, "clip_sample_range": 1.5}, 25, 0),
    ("ddim-threshold", "ddim", {"thresholding": True, "sample_max_value": 1.8}, 25, 0),
    ("ddim-threshold-median", "ddim", {"thresholding": True, "dynamic_thresholding_ratio": 0.5,
     "sample_max_value": 9.0}, 25, 0),
    ("ddim-threshold-sample", "ddim", {"thresholding": True, "sample_max_value": 4.0,
     "prediction_type": "sample"}, 25, 0),
    ("ddim-zero-snr", "ddim", {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing",
     "prediction_type": "v_prediction"}, 25, 0),
    *[(f"{m}-zero-snr", m, {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing",
       "prediction_type": "v_prediction"}, 25, 0)
      for m in ("euler", "euler_a", "dpm++2m", "unipc")],
    *[(f"{m}-{s}", m, {"beta_schedule": s, "beta_start": 0.0001, "beta_end": 0.02}, 25, 0)
      for m, s in itertools.product(("ddim", "euler", "dpm++2m"), ("linear", "squaredcos_cap_v2"))],
    *[(f"{m}-trained-betas", m, {"trained_betas": [0.01 + 0.017 * i for i in range(20)],
       "num_train_timesteps": 20}, 7, 0) for m in ("ddim", "pndm", "euler", "heun", "unipc")],
    *[(f"{m}-{n}-steps", m, {}, n, 0)
      for m, n in itertools.product([k for k in FIRST if k != "lcm"], (1, 2, 3, 7, 14, 15, 61))],
    *[(f"{m}-{n}-trailing-steps", m, {"timestep_spacing": "trailing"}, n, 0)
      for m, n in itertools.product([k for k in FIRST if k != "lcm"], (1, 4, 104, 1000))],
    *[(f"{m}-{n}-linspace-steps", m, {"timestep_spacing": "linspace"}, n, 0)
      for m, n in itertools.product(("ddim", "pndm", "euler", "dpm++2m", "unipc"), (1, 2, 999))],
    *[(f"pndm-runge-kutta-{n}-{p}", "pndm", {"skip_prk_steps": False, "prediction_type": p}, n, 0)
      for n, p in itertools.product((4, 5, 25, 50), ("epsilon", "v_prediction"))],
    ("euler-log-linear", "euler", {"interpolation_type": "log_linear"}, 25, 0),
    ("euler-continuous", "euler", {"timestep_type": "continuous", "use_karras_sigmas": True,
     "prediction_type": "v_prediction", "sigma_min": 0.002, "sigma_max": 80.0}, 25, 0),
    *[(f"{m}-{f}", m, {"final_sigmas_type": f}, n, 0) for m, f, n in itertools.product(
      ("euler", "dpm++2m", "unipc"), ("sigma_min", "zero"), (12, 25))],
    *[(f"{m}-{k}-{l}", m, {f"use_{k}_sigmas": True, "sigma_min": l and 0.05, "sigma_max": l and 12.0,
       "timestep_spacing": s}, 25, 0)
      for m, k, l, s in itertools.product(("euler", "lms", "heun", "dpm++2m", "unipc"),
                                          ("karras", "exponential"), (None, 1), ("leading",))],
    *[(f"{m}-karras-{n}", m, {"use_karras_sigmas": True, "final_sigmas_type": f}, n, 0)
      for m, n, f in itertools.product(("euler", "lms", "heun", "dpm++2m", "unipc"), (1, 2, 10),
                                       ("zero", "sigma_min"))],
    ("dpm-karras-cosine", "dpm++2m", {"use_karras_sigmas": True,
     "beta_schedule": "squaredcos_cap_v2"}, 25, 0),
    ("dpm-lu", "dpm++2m", {"use_lu_lambdas": True}, 25, 0),
    ("dpm-clipped", "dpm++2m", {"lambda_min_clipped": -2.0}, 25, 0),
    ("dpm-clipped-trailing", "dpm++2m", {"lambda_min_clipped": -2.0,
     "timestep_spacing": "trailing"}, 25, 0),
    ("dpm-threshold", "dpm++2m", {"thresholding": True, "sample_max_value": 3.0}, 25, 0),
    ("unipc-threshold", "unipc", {"thresholding": True, "sample_max_value": 3.0}, 25, 0),
    *[(f"dpm-{a}-{o}-{t}-{p}", "dpm++2m", {"algorithm_type": a, "solver_order": o, "solver_type": t,
       "prediction_type": p, "final_sigmas_type": "sigma_min"}, 20, 0)
      for a, o, t, p in itertools.product(
          ("dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++"), (1, 2, 3),
          ("midpoint", "heun"), ("epsilon", "v_prediction"))
      if not (a == "sde-dpmsolver" and o == 3)],
    *[(f"dpm-order-{o}-{n}-{e}-{l}", "dpm++2m", {"solver_order": o, "euler_at_final": e,
       "lower_order_final": l}, n, 0)
      for o, n, e, l in itertools.product((2, 3), (6, 16), (True, False), (True, False))],
    ("sde-dpm++-zero", "dpm++2m", {"algorithm_type": "sde-dpmsolver++"}, 25, 0),
    *[(f"unipc-{t}-{o}-{x}-{p}-{n}", "unipc", {"solver_type": t, "solver_order": o, "predict_x0": x,
       "prediction_type": p, "final_sigmas_type": "sigma_min"}, n, 0)
      for t, o, x, p, n in itertools.product(("bh1", "bh2"), (1, 2, 3), (True, False),
                                             ("epsilon", "v_prediction"), (20,))],
    ("unipc-order-3", "unipc", {"solver_order": 3}, 12, 0),
    ("unipc-no-corrector", "unipc", {"disable_corrector": [0, 1, 5]}, 25, 0),
    ("heun-clip", "heun", {"clip_sample": True, "clip_sample_range": 2.0}, 25, 0),
    ("heun-exp", "heun", {"beta_schedule": "exp"}, 25, 0),
    *[(f"lcm-{n}-{p}", "lcm", {"prediction_type": p}, n, 0)
      for n, p in itertools.product((1, 2, 3, 4, 8, 50), ("epsilon", "v_prediction", "sample"))],
    ("lcm-distilled-at-100", "lcm", {"original_inference_steps": 100, "timestep_scaling": 5.0,
     "clip_sample": True}, 30, 0),
]
TCD_FILE = {
    "_class_name": "TCDScheduler", "_diffusers_version": "0.27.0", "beta_end": 0.012,
    "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": False,
    "clip_sample_range": 1.0, "dynamic_thresholding_ratio": 0.995, "num_train_timesteps": 1000,
    "original_inference_steps": 50, "prediction_type": "epsilon", "rescale_betas_zero_snr": False,
    "sample_max_value": 1.0, "set_alpha_to_one": True, "steps_offset": 0, "thresholding": False,
    "timestep_scaling": 10.0, "timestep_spacing": "leading", "trained_betas": None,
}
TCD_EXTRAS = [
    *[(f"tcd-{n}-{p}", {"prediction_type": p}, n, 0.3)
      for n, p in itertools.product((1, 2, 3, 4, 8, 50), ("epsilon", "v_prediction", "sample"))],
    *[(f"tcd-{n}-eta-{e}", {}, n, e)
      for n, e in itertools.product((1, 4, 25), (0, 0.05, 0.5, 0.77, 1))],
    # It reads neither of them.
    ("tcd-clip", {"clip_sample": True, "clip_sample_range": 0.5}, 4, 0.3),
    ("tcd-threshold", {"thresholding": True, "sample_max_value": 1.0}, 4, 0.3),
    ("tcd-distilled-at-100", {"original_inference_steps": 100}, 30, 0.3),
    ("tcd-trained-betas", {"trained_betas": [0.01 + 0.017 * i for i in range(20)],
     "num_train_timesteps": 20, "original_inference_steps": 10}, 7, 0.3),
    ("tcd-zero-snr", {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction"}, 8, 0.3),
    ("tcd-linear", {"beta_schedule": "linear", "beta_start": 0.0001, "beta_end": 0.02}, 8, 0.3),
]


def network(sample: torch.Tensor, timestep: float, directions: torch.Tensor) -> torch.Tensor:
    """A smooth function of sample and timestep, in operations that round once each."""
    time = float(np.float32(timestep) / np.float32(1000))
    return sample / (1 + sample.abs()) * 0.9 + directions * time


def load(config: dict, method: str):
    """Loads a file as its own class and passes it on to the method's class, as users of diffusers do."""
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "scheduler_config.json").write_text(json.dumps(config))
        own = getattr(diffusers, config["_class_name"]).from_pretrained(folder)
    wanted = getattr(diffusers, CLASSES[method])
    return own if type(own) is wanted else wanted.from_config(own.config)


def run(name: str, config: dict, method: str, steps: int, eta: float, seed: int) -> dict | None:
    """One trajectory; None where diffusers itself fails or produces NaN or infinities."""
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(SHAPE, generator=torch.Generator().manual_seed(99))
    try:
        scheduler = load(config, method)
        scheduler.set_timesteps(steps)
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(0)
        latents = torch.randn(SHAPE, generator=generator) * scheduler.init_noise_sigma
        keywords = {"eta": eta} if method in ("ddim", "tcd") else {}
        if method in ("ddim", "euler_a", "dpm++2m", "lcm", "tcd"):
            keywords["generator"] = generator
        timesteps = scheduler.timesteps
        for timestep in timesteps:
            model_input = scheduler.scale_model_input(latents, timestep)
            output = network(model_input, timestep.item(), directions)
            latents = scheduler.step(output, timestep, latents, **keywords).prev_sample
    except (IndexError, ValueError, AssertionError, NotImplementedError, ZeroDivisionError) as error:
        print(f"  {name}: diffusers fails: {error!r:.90}")
        return None
    if not torch.isfinite(latents).all():
        print(f"  {name}: diffusers returns NaN or infinities")
        return None
    long = len(timesteps) > 30
    return {
        "name": name, "config": json.dumps(config), "method": method, "steps": steps, "eta": eta,
        "seed": seed, "call_count": len(timesteps),
        "timesteps": [] if long else [float(np.float32(t)) for t in timesteps],
        "initial_noise_sigma": float(scheduler.init_noise_sigma),
        "latents": [float(f"{v:.9g}") for v in latents.flatten().tolist()],
    }


def main(out_dir: str) -> None:
    """Writes schedulers.json into out_dir."""
    warnings.simplefilter("ignore")
    diffusers.utils.logging.set_verbosity_error()
    cases = []

    def add(name: str, config: dict, method: str, steps: int, eta: float = 0) -> None:
        cases.append(run(name, config, method, steps, eta, len(cases)))

    for method, spacing, prediction, steps in itertools.product(
        FIRST, ("leading", "linspace", "trailing"), ("epsilon", "v_prediction", "sample"), (25, 50)
    ):
        config = {"_class_name": CLASSES[method], **LATENT, "timestep_spacing": spacing,
                  "prediction_type": prediction}
        if method == "lcm" and spacing != "leading":
            continue  # it ignores the spacing
        add(f"{method}-{spacing}-{prediction}-{steps}", config, method, steps)
    for name, method, changes, steps, eta in EXTRAS:
        add(name, {"_class_name": CLASSES[method], **LATENT, **changes}, method, steps, eta)
    for (name, config), method in itertools.product(PUBLISHED.items(), FIRST):
        add(f"{name}-by-{method}", config, method, 25)
    add("sd-turbo-1-step", PUBLISHED["sd-turbo"], "euler", 1)
    add("sd-turbo-4-steps", PUBLISHED["sd-turbo"], "euler", 4)
    add("lcm-dreamshaper-4-steps", PUBLISHED["lcm-dreamshaper"], "lcm", 4)
    for name, changes, steps, eta in TCD_EXTRAS:
        add(name, {"_class_name": "TCDScheduler", **LATENT, **changes}, "tcd", steps, eta)
    for name, config in PUBLISHED.items():
        add(f"{name}-by-tcd", config, "tcd", 25, 0.3)
    for method in CLASSES:
        add(f"tcd-file-by-{method}", TCD_FILE, method, 25, 0.3 if method == "tcd" else 0)
    # Every step count of models that were distilled to trailing timesteps.
    for method, steps in itertools.product(("euler", "euler_a", "ddim"), (1, 2, 3, 4, 8)):
        add(f"sd-turbo-{steps}-steps-by-{method}", PUBLISHED["sd-turbo"], method, steps)
    cases = [case for case in cases if case is not None]
    path = pathlib.Path(out_dir) / "schedulers.json"
    text = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    header = json.dumps({"diffusers": diffusers.__version__, "torch": torch.__version__})
    path.write_text(header[:-1] + ', "cases": [\n' + text + "\n]}\n")
    print(f"  {len(cases)} trajectories")


if __name__ == "__main__":
    main("Tests/StableDiffusionTests/Goldens")
