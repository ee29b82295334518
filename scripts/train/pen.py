# SPDX-License-Identifier: Apache-2.0
"""A skia canvas with the few strokes the postcards need, and helpers for colours."""
import skia

from common import SIZE

WHITE = (255, 255, 255)


def mix(a, b, t):
    """The colour a fraction t of the way from a to b."""
    return tuple(u + (v - u) * t for u, v in zip(a, b))


def dark(colour, t=0.25):
    """A colour moved towards a bluish black."""
    return mix(colour, (20, 18, 40), t)


def light(colour, t=0.3):
    """A colour moved towards white."""
    return mix(colour, WHITE, t)


class Pen:
    """Draws in pixels, y downwards. `tint` multiplies every colour (night, dusk), except where
    `glow` is set; `alpha` is 0...255."""

    def __init__(self, canvas, draw):
        self.canvas, self.draw, self.tint = canvas, draw, (1, 1, 1)

    def colour(self, rgb, tint, *alpha):
        """A skia colour, clamped."""
        return skia.Color(*[max(0, min(255, int(v * k))) for v, k in zip(rgb, tint)], *alpha)

    def paint(self, rgb, alpha=255, glow=False, stroke=0):
        """A fill, or a round-ended stroke of the given width."""
        tint = (1, 1, 1) if glow else self.tint
        paint = skia.Paint(AntiAlias=True, Color=self.colour(rgb, tint, alpha))
        if stroke:
            paint.setStyle(skia.Paint.kStroke_Style)
            paint.setStrokeWidth(stroke)
            paint.setStrokeCap(skia.Paint.kRound_Cap)
        return paint

    def path(self, path, rgb, **how):
        """A filled path."""
        self.canvas.drawPath(path, self.paint(rgb, **how))

    def poly(self, points, rgb, **how):
        """A filled polygon."""
        path = skia.Path()
        path.moveTo(*points[0])
        for point in points[1:]:
            path.lineTo(*point)
        path.close()
        self.path(path, rgb, **how)

    def rect(self, x0, y0, x1, y1, rgb, radius=0, **how):
        """A filled rectangle with round corners."""
        paint = self.paint(rgb, **how)
        self.canvas.drawRoundRect(skia.Rect(x0, y0, x1, y1), radius, radius, paint)

    def circle(self, x, y, radius, rgb, **how):
        """A filled circle."""
        self.canvas.drawCircle(x, y, radius, self.paint(rgb, **how))

    def oval(self, x, y, rx, ry, rgb, **how):
        """A filled ellipse around (x, y)."""
        box = skia.Rect(x - rx, y - ry, x + rx, y + ry)
        self.canvas.drawOval(box, self.paint(rgb, **how))

    def line(self, x0, y0, x1, y1, rgb, width, **how):
        """A straight stroke."""
        self.canvas.drawLine(x0, y0, x1, y1, self.paint(rgb, stroke=width, **how))

    def curve(self, x0, y0, cx, cy, x1, y1, rgb, width, **how):
        """A quadratic stroke with control point (cx, cy)."""
        path = skia.Path()
        path.moveTo(x0, y0)
        path.quadTo(cx, cy, x1, y1)
        self.canvas.drawPath(path, self.paint(rgb, stroke=width, **how))

    def gradient(self, y0, y1, colours, tinted=False, path=None):
        """A vertical gradient from y0 to y1 over the whole width, or inside `path`."""
        tint = self.tint if tinted else (1, 1, 1)
        stops = [self.colour(c, tint) for c in colours]
        shader = skia.GradientShader.MakeLinear([(0, y0), (0, y1)], stops)
        paint = skia.Paint(AntiAlias=True, Shader=shader)
        if path:
            self.canvas.drawPath(path, paint)
        else:
            self.canvas.drawRect(skia.Rect(0, y0, SIZE, y1), paint)
