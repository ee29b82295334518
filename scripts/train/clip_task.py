# SPDX-License-Identifier: Apache-2.0
"""The mini-CLIP's questions about a scene: the classes of its probe, captions with one attribute
changed, and what each word of a caption names."""
import copy

from scene import BACKS, CEL_NAMES, COLOURED, COLOURS, LANDS, OBJECTS, POSITIONS, SKIES

KINDS, HUES = list(OBJECTS), list(COLOURS)
GLOBALS = {"sky": SKIES, "land": LANDS, "background": BACKS, "celestial": CEL_NAMES}
NO_OBJECT, NO_COLOUR, NOTHING = len(KINDS), len(HUES), -100
# The probe's outputs: one of n for each of the first four, any number of the last two.
HEADS = {name: len(values) for name, values in GLOBALS.items()}
HEADS |= {"object": len(KINDS), "colour": len(HUES)}


def targets(row):
    """The class of each of the probe's first four heads."""
    return [values.index(row[name]) for name, values in GLOBALS.items()]


def presence(row):
    """0 or 1 for each kind of object, then for each colour that an object has."""
    kinds = {thing["object"] for thing in row["objects"]}
    hues = {thing["colour"] for thing in row["objects"]}
    return [float(kind in kinds) for kind in KINDS] + [float(hue in hues) for hue in HUES]


def change_colour(things, thing, draw):
    """Swaps two colours or picks another one; False if the object has none."""
    first, last = things[0]["colour"], things[-1]["colour"]
    if len(things) == 2 and first and last and first != last and draw.random() < .6:
        things[0]["colour"], things[1]["colour"] = last, first
    elif thing["colour"]:
        thing["colour"] = draw.choice([c for c in HUES if c != thing["colour"]])
    else:
        return False
    return True


def change_object(thing, draw):
    """Another kind, coloured if this one is."""
    coloured = thing["object"] in COLOURED
    others = [k for k in KINDS if k != thing["object"] and (k in COLOURED) == coloured]
    thing["object"] = draw.choice(others)


def change_position(things, thing, draw):
    """Swaps two positions, or picks another one for a single object."""
    if len(things) == 2:
        first, second = things
        first["position"], second["position"] = second["position"], first["position"]
    else:
        thing["position"] = draw.choice([p for p in POSITIONS if p != thing["position"]])


def altered(row, draw):
    """A copy of the attributes with one of them changed."""
    row = copy.deepcopy(row)
    things = row["objects"]
    kind = draw.choice(
        ["colour", "colour", "object", "position", "sky", "land", "background", "celestial"]
    )
    thing = draw.choice(things)
    if kind == "colour" and not change_colour(things, thing, draw):
        kind = "object"
    if kind == "object":
        change_object(thing, draw)
    elif kind == "position":
        change_position(things, thing, draw)
    elif kind in GLOBALS:
        row[kind] = draw.choice([v for v in GLOBALS[kind] if v != row[kind]])
    return row


def token_targets(tokens):
    """(object, colour) class per token, NOTHING where the token names none."""
    named = {kind.split()[-1]: kind for kind in KINDS if not kind.endswith(" tree")}
    out, colour, thing, previous = [], NO_COLOUR, None, ""
    for token in tokens:
        word, said = token.replace("</w>", ""), (NOTHING, NOTHING)
        if word in ("a", "an", "and", "with", "beside", "next"):
            colour = NO_COLOUR
        elif word in COLOURS:
            colour = HUES.index(word)
        elif word in named:
            full = f"{previous} tree"
            kind = full if word == "tree" and full in KINDS else named[word]
            thing = KINDS.index(kind)
            said = (thing, colour)
        elif word in ("left", "right", "middle", "centre", "scarf", "sails") and thing is not None:
            said = (thing, colour)
        out.append(said)
        previous = word
    return out
