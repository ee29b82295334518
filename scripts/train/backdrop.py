# SPDX-License-Identifier: Apache-2.0
"""Sky, sun and moon, mountains and hills, and the land of a postcard. The order of random draws
is part of the data set."""
import skia

from common import SIZE
from pen import WHITE, dark, light
from scene import XPOS

SKY_COLOURS = {  # from the top to the horizon
    "day": [(70, 150, 235), (188, 226, 250)],
    "sunset": [(92, 60, 130), (236, 108, 78), (255, 196, 104)],
    "night": [(10, 14, 46), (38, 48, 104)],
    "overcast": [(138, 146, 158), (204, 208, 214)],
    "dawn": [(150, 176, 226), (244, 178, 196), (255, 222, 196)],
}
TINTS = {
    "day": (1, 1, 1), "sunset": (1, .86, .78), "night": (.62, .66, .84),
    "overcast": (.88, .9, .93), "dawn": (1, .92, .94),
}
GRASS = [(120, 190, 84), (72, 150, 62)]
LAND_COLOURS = {  # from the horizon to the bottom
    "meadow": GRASS, "snow": [(248, 250, 254), (212, 224, 240)],
    "desert": [(240, 206, 136), (216, 166, 92)], "beach": [(246, 222, 164), (232, 200, 136)],
    "lake": GRASS,
}
WATER_COLOURS = {
    "beach": [(58, 138, 200), (104, 190, 222)], "lake": [(84, 150, 206), (64, 122, 190)],
}
RAINBOW = (
    (226, 60, 60), (244, 150, 50), (250, 220, 70), (80, 180, 90), (70, 120, 220), (140, 80, 190),
)


def jitter(draw, colour, amount=8):
    """A colour with every channel moved a little."""
    return tuple(v + draw.uniform(-amount, amount) for v in colour)


# ---------------------------------------------------------------- sky


def sky(pen, scene, horizon):
    """The sky's gradient, and stars at night."""
    draw = pen.draw
    pen.gradient(0, horizon + 4, [jitter(draw, v) for v in SKY_COLOURS[scene["sky"]]])
    if scene["sky"] == "night":
        for _ in range(46):
            x, y, r = draw.uniform(0, SIZE), draw.uniform(0, horizon - 10), draw.uniform(.6, 1.6)
            pen.circle(x, y, r, (255, 250, 225), alpha=draw.randint(150, 255))


def sun(pen, kind, x, y):
    """The sun with its halo, coloured by the kind of sky."""
    colour = {"sunset": (255, 214, 120), "dawn": (255, 232, 180)}.get(kind, (255, 222, 70))
    for k, alpha in ((1.9, 36), (1.45, 60)):
        pen.circle(x, y, 20 * k, colour, alpha=alpha)
    pen.circle(x, y, 20, light(colour, .15))


def full_moon(pen, x, y):
    """A full moon with its halo and three craters."""
    pen.circle(x, y, 30, (255, 250, 215), alpha=34)
    pen.circle(x, y, 21, (252, 246, 214))
    for dx, dy, r in ((-6, -5, 4), (6, 3, 5), (-3, 8, 3)):
        pen.circle(x + dx, y + dy, r, (224, 216, 184))


def crescent_moon(pen, x, y):
    """One disc with another cut out of it."""
    disc, cut = skia.Path().addCircle(x, y, 20), skia.Path().addCircle(x + 9, y - 5, 17)
    pen.path(skia.Op(disc, cut, skia.PathOp.kDifference_PathOp), (255, 246, 206))


def rainbow(pen, horizon):
    """Six arcs standing on the horizon."""
    x, radius = SIZE * pen.draw.uniform(.4, .6), pen.draw.uniform(104, 124)
    for i, colour in enumerate(RAINBOW):
        box = skia.Rect(
            x - radius + i * 5, horizon - radius + i * 5 + 4,
            x + radius - i * 5, horizon + radius - i * 5 + 4,
        )
        pen.canvas.drawArc(box, 180, 180, False, pen.paint(colour, alpha=190, stroke=5.4))


def cloud(pen, x, y, s, colour, alpha):
    """Four discs on a rounded bar, `s` pixels of half width."""
    for dx, dy, k in ((-.55, .08, .32), (0, -.12, .45), (.5, .05, .36), (.1, .14, .4)):
        pen.circle(x + dx * s, y + dy * s, k * s, colour, alpha=alpha)
    pen.rect(x - .82 * s, y + .08 * s, x + .84 * s, y + .42 * s, colour, radius=.16 * s,
             alpha=alpha)


def clouds(pen, scene):
    """Three clouds, or two in an overcast sky that is not said to have clouds."""
    draw, kind = pen.draw, scene["sky"]
    colour = {
        "night": (80, 88, 130), "sunset": (255, 206, 180), "dawn": (255, 236, 238),
        "overcast": (232, 234, 238),
    }.get(kind, WHITE)
    alpha = 255 if kind != "overcast" else 215
    for i in range(3 if scene["celestial"] == "clouds" else 2):
        x = (i + .5) * SIZE / 3 + draw.uniform(-26, 26)
        cloud(pen, x, draw.uniform(22, 72), draw.uniform(20, 30), colour, alpha)


def celestial(pen, scene, horizon):
    """Sun, moon, rainbow or clouds, kept off the objects' columns where possible."""
    draw, kind = pen.draw, scene["celestial"]
    used = {thing["position"] for thing in scene["objects"]}
    free = [p for p in XPOS if p not in used] or ["left", "right"]
    x = XPOS[draw.choice(free)] * SIZE + draw.uniform(-14, 14)
    y = draw.uniform(32, 62)
    if kind == "sun":
        if scene["sky"] == "sunset":
            y = draw.uniform(80, 115)
        sun(pen, scene["sky"], x, y)
    elif kind == "full moon":
        full_moon(pen, x, y)
    elif kind == "crescent moon":
        crescent_moon(pen, x, y)
    elif kind == "rainbow":
        rainbow(pen, horizon)
    if kind == "clouds" or scene["sky"] == "overcast":
        clouds(pen, scene)


# ---------------------------------------------------------------- mountains and hills


def ridge(draw, y, height, count, sharp):
    """A skyline of `count` segments: -> (its path, its corner points)."""
    points = []
    for i in range(count + 1):
        x = i * SIZE / count + (draw.uniform(-6, 6) if 0 < i < count else 0)
        rise = draw.uniform(.55, 1) if i % 2 else draw.uniform(.05, .35)
        points.append((x, y - height * rise))
    path = skia.Path()
    path.moveTo(-2, y + 4)
    path.lineTo(-2, points[0][1])
    for i, (px, py) in enumerate(points):
        if sharp or i == 0:
            path.lineTo(px, py)
        else:
            middle = (points[i - 1][0] + px) / 2
            path.cubicTo(middle, points[i - 1][1], middle, py, px, py)
    path.lineTo(SIZE + 2, points[-1][1])
    path.lineTo(SIZE + 2, y + 4)
    path.close()
    return path, points


def mountains(pen, horizon):
    """A sharp ridge with snow on its peaks and shade on their right sides."""
    draw = pen.draw
    path, points = ridge(draw, horizon, draw.uniform(62, 84), 6, True)
    pen.path(path, jitter(draw, (112, 122, 150)))
    for i in range(1, len(points), 2):
        px, py = points[i]
        lx, ly = points[i - 1]
        rx, ry = points[min(i + 1, len(points) - 1)]
        t = .34
        cap = [
            (px, py), (px + (rx - px) * t, py + (ry - py) * t),
            (px + (rx - px) * .12, py + (ry - py) * t * .7), (px, py + (ry - py) * t * 1.05),
            (px + (lx - px) * .14, py + (ly - py) * t * .7),
            (px + (lx - px) * t, py + (ly - py) * t),
        ]
        pen.poly(cap, (246, 249, 253))
        pen.poly([(px, py), (rx, ry), (px + (rx - px) * .3, ry)], (30, 34, 66), alpha=50)


def hills(pen, land, horizon):
    """Two soft ridges, the nearer one lower and lighter."""
    draw = pen.draw
    colour = {"snow": (222, 232, 244), "desert": (214, 168, 104)}.get(land, (92, 158, 92))
    path, _ = ridge(draw, horizon, draw.uniform(36, 52), 4, False)
    pen.path(path, jitter(draw, dark(colour, .2)))
    path, _ = ridge(draw, horizon, draw.uniform(20, 32), 5, False)
    pen.path(path, jitter(draw, colour))


def background(pen, scene, horizon):
    """Mountains, hills or nothing."""
    if scene["background"] == "mountains":
        mountains(pen, horizon)
    elif scene["background"] == "hills":
        hills(pen, scene["land"], horizon)


# ---------------------------------------------------------------- land


def shore_land(pen, land, horizon, colours):
    """Water behind, sand or grass in front."""
    draw = pen.draw
    shore = draw.uniform(196, 206)
    if land == "lake":
        pen.gradient(horizon - 2, horizon + 12, [colours[1], colours[1]], tinted=True)
    water = [jitter(draw, v, 6) for v in WATER_COLOURS[land]]
    pen.gradient(horizon + (9 if land == "lake" else 0), shore + 14, water, tinted=True)
    for _ in range(12):
        x, y = draw.uniform(0, SIZE), draw.uniform(horizon + 14, shore - 4)
        pen.line(x, y, x + draw.uniform(10, 26), y, WHITE, 1.4, alpha=110)
    path = skia.Path()
    path.moveTo(0, shore + draw.uniform(-4, 8))
    first, second = shore - draw.uniform(2, 12), shore + draw.uniform(2, 14)
    path.cubicTo(85, first, 170, second, SIZE, shore + draw.uniform(-6, 6))
    path.lineTo(SIZE, SIZE)
    path.lineTo(0, SIZE)
    path.close()
    if land == "beach":
        pen.canvas.drawPath(path, pen.paint(WHITE, stroke=6))
    pen.gradient(shore, SIZE, colours, tinted=True, path=path)


def dry_land(pen, land, horizon, colours):
    """A gently curved ground; a desert has dunes drawn on it."""
    draw = pen.draw
    swing = draw.uniform(0, 6)
    path = skia.Path()
    path.moveTo(0, horizon)
    path.cubicTo(85, horizon - swing, 170, horizon + swing, SIZE, horizon)
    path.lineTo(SIZE, SIZE)
    path.lineTo(0, SIZE)
    path.close()
    pen.gradient(horizon, SIZE, colours, tinted=True, path=path)
    if land == "desert":
        for i in range(3):
            y = horizon + 22 + i * 28 + draw.uniform(-6, 6)
            x0, crest, x1 = draw.uniform(0, 90), y - draw.uniform(4, 12), draw.uniform(150, 256)
            pen.curve(x0, y, 128, crest, x1, y, (196, 146, 78), 2, alpha=130)


def ground(pen, land, horizon):
    """The land from the horizon down, with blades of grass where it is green."""
    draw = pen.draw
    colours = [jitter(draw, v, 6) for v in LAND_COLOURS[land]]
    if land in WATER_COLOURS:
        shore_land(pen, land, horizon, colours)
    else:
        dry_land(pen, land, horizon, colours)
    if land in ("meadow", "lake"):
        for _ in range(26):
            x = draw.uniform(0, SIZE)
            y = draw.uniform((horizon + 12) if land == "meadow" else 218, SIZE)
            pen.line(x, y, x + draw.uniform(-2, 2), y - 5, (52, 122, 50), 1.5, alpha=170)
