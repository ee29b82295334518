# SPDX-License-Identifier: Apache-2.0
"""The thirteen objects of the postcards. Each is drawn at (x, y), the middle of its foot, `s`
pixels high, in one main colour; all lengths are fractions of `s`. The order of random draws is
part of the data set."""
import math

import skia

from pen import WHITE, dark, light, mix
from scene import COLOURS

WOOD, GLASS, INK = (92, 58, 42), (196, 228, 244), (30, 30, 36)
DAYLIGHT = 0.85  # red tint below which windows and lamps are lit
PALE = 640  # sum of a colour's channels above which white would not stand out


def house(pen, x, y, s, colour):
    w, h = s * pen.draw.uniform(0.42, 0.5), s * pen.draw.uniform(0.5, 0.58)
    roof = dark((120, 70, 60), pen.draw.uniform(0, 0.4))
    pen.rect(x + w * .35, y - s * .97, x + w * .62, y - s * .55, dark(roof, .3))
    pen.rect(x - w, y - h, x + w, y, colour)
    pen.rect(x + w * .55, y - h, x + w, y, dark(colour), alpha=70)
    pen.poly([(x - w * 1.18, y - h + 1), (x, y - s), (x + w * 1.18, y - h + 1)], roof)
    pen.rect(x - w * .2, y - h * .58, x + w * .2, y, WOOD, radius=2)
    pen.circle(x + w * .1, y - h * .28, 1.6, (240, 220, 120))
    pane = (255, 226, 120) if pen.tint[0] < DAYLIGHT else (190, 228, 250)
    for side in (-.62, .62):
        left, right = x + w * side - w * .2, x + w * side + w * .2
        pen.rect(left, y - h * .72, right, y - h * .32, WHITE)
        left, right = x + w * side - w * .15, x + w * side + w * .15
        pen.rect(left, y - h * .68, right, y - h * .36, pane, glow=True)


def tree(pen, x, y, s, colour):
    trunk = [(x - s * .06, y), (x - s * .04, y - s * .5), (x + s * .04, y - s * .5),
             (x + s * .06, y)]
    pen.poly(trunk, (108, 72, 46))
    cy, r = y - s * .66, s * .3
    for dx, dy, k in ((-.75, .3, .72), (.75, .3, .72), (0, -.3, .85), (0, .25, .9)):
        wide = dx * r * pen.draw.uniform(.8, 1.05)
        pen.circle(x + wide, cy + dy * r, r * k, dark(colour, .14))
    for dx, dy, k in ((-.5, .1, .6), (.35, -.2, .55), (-.1, -.5, .5)):
        pen.circle(x + dx * r, cy + dy * r, r * k, colour)
    pen.circle(x - r * .25, cy - r * .4, r * .3, light(colour, .25))


def pine_tree(pen, x, y, s, colour, snow=False):
    pen.rect(x - s * .045, y - s * .2, x + s * .045, y, (100, 66, 44))
    green = (34, 110, 70)
    for i in range(3):
        bottom, top = y - s * (.14 + .25 * i), y - s * (.14 + .25 * i + .36)
        w = s * (.3 - .065 * i)
        pen.poly([(x - w, bottom), (x, top), (x + w, bottom)], mix(green, (70, 150, 90), i * .2))
        pen.poly([(x, top), (x + w, bottom), (x + w * .2, bottom)], dark(green), alpha=80)
        if snow:
            edge = top + (bottom - top) * .42
            cap = [(x - w * .42, edge), (x, top), (x + w * .42, edge),
                   (x, top + (bottom - top) * .55)]
            pen.poly(cap, (245, 248, 252))


def palm_tree(pen, x, y, s, colour):
    lean = pen.draw.choice((-1, 1)) * s * pen.draw.uniform(.08, .2)
    top_x, top_y = x + lean, y - s * .72
    for bark, width in (((120, 84, 52), s * .075), ((150, 108, 68), s * .05)):
        pen.curve(x, y - 2, x - lean * .3, y - s * .4, top_x, top_y, bark, width)
    for degrees in (-165, -140, -100, -60, -25, -5, 175):
        angle = math.radians(degrees + pen.draw.uniform(-8, 8))
        length = s * pen.draw.uniform(.32, .4)
        tip_x = top_x + math.cos(angle) * length
        tip_y = top_y + math.sin(angle) * length * .6 + length * .32
        mid_x = top_x + math.cos(angle) * length * .55
        mid_y = top_y + math.sin(angle) * length * .7 - length * .12
        leaf = skia.Path()
        leaf.moveTo(top_x, top_y)
        leaf.quadTo(mid_x, mid_y - s * .05, tip_x, tip_y)
        leaf.quadTo(mid_x, mid_y + s * .07, top_x, top_y)
        leaf.close()
        pen.path(leaf, (46, 142, 70) if degrees % 2 else (34, 120, 62))
    for side in (-.03, .03):
        pen.circle(top_x + s * side, top_y + s * .03, s * .03, (110, 70, 40))


def cactus(pen, x, y, s, colour):
    green, w = (60, 140, 76), s * .11
    arms = ((-1, pen.draw.uniform(.35, .5), .28), (1, pen.draw.uniform(.45, .62), .25))
    for side, height, length in arms:
        reach, shade = x + side * w * 2.9, dark(green, .1)
        level = y - s * height
        pen.rect(min(x, reach), level - w * .6, max(x, reach), level + w * .6, shade,
                 radius=w * .5)
        end = x + side * w * 2.4
        pen.rect(end - w * .6, y - s * (height + length), end + w * .6, level + w * .6, shade,
                 radius=w * .6)
    pen.rect(x - w, y - s, x + w, y, green, radius=w)
    for rib in (-.45, 0, .45):
        pen.line(x + w * rib, y - s * .92, x + w * rib, y - 3, light(green, .25), 1.3)


def car(pen, x, y, s, colour):
    w = s * 1.0
    facing = pen.draw.choice((-1, 1))

    def at(u):
        return x + facing * u * w

    cabin = [(at(-.62), y - s * .5), (at(-.4), y - s * .95), (at(.2), y - s * .95),
             (at(.52), y - s * .5)]
    rear = [(at(-.5), y - s * .52), (at(-.34), y - s * .86), (at(-.1), y - s * .86),
            (at(-.1), y - s * .52)]
    front = [(at(-.03), y - s * .52), (at(-.03), y - s * .86), (at(.16), y - s * .86),
             (at(.4), y - s * .52)]
    pen.poly(cabin, dark(colour, .08))
    pen.poly(rear, GLASS)
    pen.poly(front, GLASS)
    pen.rect(x - w, y - s * .54, x + w, y - s * .16, colour, radius=s * .13)
    pen.rect(x - w, y - s * .28, x + w, y - s * .16, dark(colour), radius=s * .06, alpha=110)
    pen.circle(at(.93), y - s * .4, s * .06, (255, 240, 170), glow=True)
    for u in (-.55, .55):
        pen.circle(at(u), y - s * .17, s * .19, (38, 38, 46))
        pen.circle(at(u), y - s * .17, s * .09, (200, 204, 210))


def sailboat(pen, x, y, s, colour):
    facing = pen.draw.choice((-1, 1))

    def at(u):
        return x + facing * u * s

    hull = [(at(-.38), y - s * .17), (at(.46), y - s * .17), (at(.3), y), (at(-.28), y)]
    pen.poly(hull, (134, 82, 52))
    pen.rect(x - s * .36, y - s * .18, x + s * .36, y - s * .14, (236, 226, 206))
    pen.line(x, y - s * .15, x, y - s, (92, 64, 46), max(2, s * .025))
    main = [(at(.03), y - s * .98), (at(.4), y - s * .24), (at(.03), y - s * .24)]
    jib = [(at(-.03), y - s * .88), (at(-.33), y - s * .24), (at(-.03), y - s * .24)]
    white = colour[0] >= 240 and colour[2] >= 240
    pen.poly(main, colour)
    pen.poly(jib, dark(colour, .1) if white else light(colour, .25))
    for i in range(3):
        half, level = s * (.3 - .06 * i), y + 3 + i * 4
        pen.line(x - half, level, x + half, level, WHITE, 1.5, alpha=120)


def hot_air_balloon(pen, x, y, s, colour):
    r = s * .36
    cy = y - s + r
    stripe = (250, 246, 236) if sum(colour) < PALE else (196, 200, 214)
    for u in (-.1, .1):
        pen.line(x + r * u * 4.5, cy + r * .8, x + r * u * 1.6, y - s * .12, (110, 84, 60), 1.3)
    envelope = skia.Path()
    envelope.addArc(skia.Rect(x - r, cy - r, x + r, cy + r), 150, 240)
    envelope.quadTo(x + r * .55, cy + r * 1.0, x + r * .22, y - s * .2)
    envelope.lineTo(x - r * .22, y - s * .2)
    envelope.quadTo(x - r * .55, cy + r * 1.0, x - r * .87, cy + r * .5)
    envelope.close()
    pen.canvas.save()
    pen.canvas.clipPath(envelope, True)
    pen.rect(x - r, cy - r, x + r, y, colour)
    pen.oval(x, cy + r * .2, r * .36, r * 1.6, stripe)
    pen.oval(x, cy + r * .2, r * .15, r * 1.6, colour)
    pen.oval(x + r * .95, cy + r * .1, r * .5, r * 1.3, dark(colour), alpha=60)
    pen.canvas.restore()
    pen.rect(x - r * .2, y - s * .13, x + r * .2, y, (150, 102, 60), radius=2)
    pen.rect(x - r * .22, y - s * .13, x + r * .22, y - s * .1, (110, 72, 44), radius=1)


def lighthouse(pen, x, y, s, colour):
    foot, neck, top = s * .15, s * .09, y - s * .76
    other = (250, 250, 250) if sum(colour) < PALE else (206, 212, 222)
    bands = 5
    for i in range(bands):
        low, high = i / bands, (i + 1) / bands
        w0, w1 = foot + (neck - foot) * low, foot + (neck - foot) * high
        y0, y1 = y + (top - y) * low, y + (top - y) * high
        band = [(x - w0, y0), (x - w1, y1 - .5), (x + w1, y1 - .5), (x + w0, y0)]
        pen.poly(band, colour if i % 2 == 0 else other)
    shade = [(x + foot * .4, y), (x + neck * .4, top), (x + neck, top), (x + foot, y)]
    pen.poly(shade, (20, 20, 50), alpha=40)
    pen.rect(x - neck * 1.35, top - s * .025, x + neck * 1.35, top, (60, 60, 72))
    pen.rect(x - neck * .75, top - s * .125, x + neck * .75, top - s * .025, (255, 240, 150),
             glow=True)
    roof = [(x - neck * 1.1, top - s * .125), (x, y - s), (x + neck * 1.1, top - s * .125)]
    pen.poly(roof, dark(colour, .35) if sum(colour) < PALE else (120, 124, 136))
    if pen.tint[0] < DAYLIGHT:
        for side in (-1, 1):
            beam = [(x, top - s * .08), (x + side * 90, top - s * .2),
                    (x + side * 90, top + s * .06)]
            pen.poly(beam, (255, 244, 170), alpha=70, glow=True)


def snowman(pen, x, y, s, colour):
    snow, shade, hat = (244, 248, 252), (206, 218, 234), (44, 44, 54)
    for level, r in ((.27, .28), (.62, .2)):
        pen.circle(x, y - s * level, s * r, shade)
        pen.circle(x - s * .025, y - s * level - s * .02, s * r * .92, snow)
    pen.rect(x - s * .17, y - s * .55, x + s * .17, y - s * .46, colour, radius=3)
    pen.rect(x + s * .05, y - s * .5, x + s * .13, y - s * .28, colour, radius=2)
    pen.rect(x - s * .2, y - s * .83, x + s * .2, y - s * .79, hat)
    pen.rect(x - s * .13, y - s, x + s * .13, y - s * .8, hat, radius=1)
    for u in (-.07, .07):
        pen.circle(x + s * u, y - s * .69, s * .024, INK)
    carrot = [(x, y - s * .65), (x + s * .16, y - s * .61), (x, y - s * .6)]
    pen.poly(carrot, (240, 130, 40))
    for v in (.38, .28, .18):
        pen.circle(x, y - s * v, s * .022, INK)


def windmill(pen, x, y, s, colour):
    hub = y - s * .66
    tower = [(x - s * .19, y), (x - s * .11, hub), (x + s * .11, hub), (x + s * .19, y)]
    shade = [(x + s * .06, y), (x + s * .04, hub), (x + s * .11, hub), (x + s * .19, y)]
    pen.poly(tower, colour)
    pen.poly(shade, dark(colour), alpha=80)
    box = skia.Rect(x - s * .13, hub - s * .12, x + s * .13, hub + s * .12)
    pen.path(skia.Path().addArc(box, 180, 180).close(), (112, 72, 56))
    pen.rect(x - s * .05, y - s * .2, x + s * .05, y, WOOD, radius=3)
    pen.circle(x, y - s * .36, s * .04, GLASS)
    turn = pen.draw.uniform(20, 70)
    for i in range(4):
        angle = math.radians(turn + 90 * i)
        ux, uy, vx, vy = math.cos(angle), math.sin(angle), -math.sin(angle), math.cos(angle)
        length = s * .42

        def at(along, across):
            return x + ux * along + vx * across, hub + uy * along + vy * across

        sail = [at(length * .2, 0), at(length, 0), at(length, s * .09), at(length * .2, s * .09)]
        pen.poly(sail, (250, 250, 246))
        pen.line(*at(0, 0), *at(length, 0), (100, 76, 58), 2)
    pen.circle(x, hub, s * .03, (70, 52, 44))


def tent(pen, x, y, s, colour):
    w = s * .75
    pen.poly([(x - w, y), (x, y - s), (x + w, y)], colour)
    pen.poly([(x, y - s), (x + w, y), (x + w * .45, y)], dark(colour), alpha=90)
    peak = (x - w * .02, y - s * .78)
    pen.poly([(x - w * .3, y), peak, (x + w * .28, y)], dark(colour, .7))
    pen.poly([peak, (x + w * .28, y), (x + w * .42, y)], light(colour, .3))
    pen.line(x, y - s, x, y - s - 5, (100, 76, 58), 2)


def flowers(pen, x, y, s, colour):
    heart = (250, 210, 60) if colour != COLOURS["yellow"] else (190, 110, 40)
    r = s * .115
    for i in range(5):
        fx = x + (i - 2) * s * .33 + pen.draw.uniform(-3, 3)
        fy = y - s * pen.draw.uniform(.62, .9)
        bend = fx + pen.draw.uniform(-5, 5)
        pen.curve(fx, y, bend, (y + fy) / 2, fx, fy, (44, 128, 58), 2.6)
        pen.oval(fx + 5, y - s * .25, 6, 2.8, (52, 144, 66))
        for k in range(5):
            angle = math.radians(72 * k - 90)
            petal_x, petal_y = fx + math.cos(angle) * r, fy + math.sin(angle) * r
            pen.circle(petal_x, petal_y, r * .82, colour)
        pen.circle(fx, fy, r * .6, heart)


DRAW = {
    "house": house, "tree": tree, "pine tree": pine_tree, "palm tree": palm_tree,
    "cactus": cactus, "car": car, "sailboat": sailboat, "hot air balloon": hot_air_balloon,
    "lighthouse": lighthouse, "snowman": snowman, "windmill": windmill, "tent": tent,
    "flowers": flowers,
}
