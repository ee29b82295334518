#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Takes channels out of an AutoencoderKL's innermost level: one of every GroupNorm group.

    python scripts/train/narrow_vae.py --init work/ckpt/vae2 --out work/ckpt/narrow

The second of two neighbours (twins, if widen_vae.py made them) is removed, and its readers use the
first one instead: its weights are added. In each group, the pair is reduced whose difference its
readers feel least, measured on held-out renders. The result is nearly as good, and after training
with train_vae.py as good. Output: an AutoencoderKL.
"""
import argparse

import torch
from diffusers import AutoencoderKL

from common import edit_config, open_images
from vae_measure import load, to_input

PICTURES = 24


def roles(vae):
    """What to cut: per channel list a list of (parameter, axis), and the layers that read it.

    -> [(cut, readers)]; a reader is (module whose input holds the channels, its weight).
    """
    encoder, decoder = vae.encoder, vae.decoder
    last, first = encoder.down_blocks[-1].resnets, decoder.up_blocks[0].resnets
    up, narrow = decoder.up_blocks[0].upsamplers[0].conv, decoder.up_blocks[1].resnets[0]
    lists = []
    for start, end, blocks, mid in (
        (last[0], encoder.conv_out, last[1:], encoder.mid_block),
        (decoder.conv_in, up, first, decoder.mid_block),
    ):
        attention, inside = mid.attentions[0], [*blocks, *mid.resnets]
        cut, readers = [], []
        if start is decoder.conv_in:
            cut += both(start)
            readers.append((up, up.weight))
        else:
            cut += both(start.conv2) + both(start.conv_shortcut)
            cut += both(encoder.conv_norm_out)
        for block in inside:
            cut += both(block.norm1) + [(block.conv1.weight, 1)] + both(block.conv2)
            readers.append((block.conv1, block.conv1.weight))
        cut += both(attention.group_norm) + both(attention.to_out[0])
        for line in (attention.to_q, attention.to_k, attention.to_v):
            cut.append((line.weight, 1))
            readers.append((line, line.weight))
        cut.append((end.weight, 1))
        lists.append((cut, readers))
        out = attention.to_out[0]
        lists.append((both(attention.to_v) + [(out.weight, 1)], [(out, out.weight)]))
        lists.append((both(attention.to_q) + both(attention.to_k), None))
        for block in [start, *inside] if start is not decoder.conv_in else inside:
            cut = both(block.conv1) + both(block.norm2) + [(block.conv2.weight, 1)]
            lists.append((cut, [(block.conv2, block.conv2.weight)]))
    cut = both(up) + both(narrow.norm1) + [(narrow.conv1.weight, 1)]
    cut.append((narrow.conv_shortcut.weight, 1))
    lists.append((cut, [(narrow.conv1, narrow.conv1.weight)]))
    return lists


def both(layer):
    """A layer's weight and bias, by their output channels."""
    return [(layer.weight, 0), (layer.bias, 0)]


@torch.no_grad()
def distances(vae, lists, images):
    """Per list and pair of neighbours: how much readers feel their difference."""
    sums, hooks = {}, []
    for k, (_, readers) in enumerate(lists):
        for module, weight in readers or []:
            energy = weight.reshape(*weight.shape[:2], -1).pow(2).sum((0, 2))

            def note(module, inputs, k=k, energy=energy):
                x = inputs[0]
                x = x.transpose(0, 1).flatten(1) if x.dim() == 4 else x.flatten(0, 1).T
                gap = (x[0::2] - x[1::2]).pow(2).mean(1)
                sums[k] = sums.get(k, 0) + gap * energy[1::2]

            hooks.append(module.register_forward_pre_hook(note))
    for i in range(0, len(images), 4):
        vae.decode(vae.encode(to_input(images[i:i + 4])).latent_dist.mode())
    for hook in hooks:
        hook.remove()
    for k, (cut, readers) in enumerate(lists):
        if readers is None:  # queries and keys: the weakest pair
            (query, _), (_, _), (key, _), (_, _) = cut
            pull = query.pow(2).sum(1) * key.pow(2).sum(1)
            sums[k] = pull[0::2] + pull[1::2]
    return sums


@torch.no_grad()
def narrow(vae, groups, images):
    """-> an AutoencoderKL with one channel less per group in its innermost level."""
    lists, names = roles(vae), {id(p): name for name, p in vae.named_parameters()}
    felt, state = distances(vae, lists, images), dict(vae.state_dict())
    wide = vae.config.block_out_channels[-1]
    for k, (cut, readers) in enumerate(lists):
        first = 2 * felt[k].view(groups, -1).argmin(1) + torch.arange(groups) * (wide // groups)
        kept = torch.ones(wide, dtype=torch.bool)
        kept[first + 1] = False
        for parameter, axis in cut:
            name = names[id(parameter)]
            weight = state[name].clone()
            if axis == 1:
                weight[:, first] += weight[:, first + 1]
            elif readers is None:
                weight[first] *= 2**0.5
            if readers is None:  # the attention's scale follows the width
                weight *= ((wide - groups) / wide) ** 0.25
            state[name] = weight[:, kept] if axis == 1 else weight[kept]
    channels = [*vae.config.block_out_channels[:-1], wide - groups]
    new = AutoencoderKL.from_config(dict(vae.config) | {"block_out_channels": channels})
    new.load_state_dict(state)
    return new


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default="work/data")
    parser.add_argument("--init", required=True, help="the autoencoder to narrow")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    vae = load(options.init).eval()
    images = open_images(options.data, "val")[-PICTURES:]
    new = narrow(vae, vae.config.norm_num_groups, images).eval()
    new.save_pretrained(options.out)
    edit_config(options.out)
    x = to_input(images)
    with torch.no_grad():
        for name, one in (("before", vae), ("after", new)):
            y = one.decode(one.encode(x).latent_dist.mode()).sample.clamp(-1, 1)
            psnr = 10 * torch.log10(4 / (y - x).pow(2).mean((1, 2, 3))).mean()
            print(f"{name}: {psnr:.2f} dB, {sum(p.numel() for p in one.parameters())} weights")


if __name__ == "__main__":
    main()
