# SPDX-License-Identifier: Apache-2.0
"""What a postcard shows: the ground-truth attributes of a seed, and captions that describe them.

`attributes(seed)` decides, `caption(attributes, random)` describes, backdrop.py and objects.py paint. The order
of the random draws is part of the data set: changing it changes every scene.
"""
import random

COLOURS = {
    "red": (212, 44, 48), "orange": (240, 132, 28), "yellow": (250, 206, 48),
    "green": (52, 160, 72), "blue": (48, 104, 214), "purple": (132, 72, 186),
    "pink": (246, 132, 180), "white": (246, 246, 248),
}
SKIES = ["day", "sunset", "night", "overcast", "dawn"]
LANDS = ["meadow", "snow", "desert", "beach", "lake"]
BACKS = ["mountains", "hills", "none"]
CEL_NAMES = ["sun", "full moon", "crescent moon", "rainbow", "clouds", "none"]
CELESTIALS = {  # what may appear in which sky; a name listed twice is twice as likely
    "day": ["sun", "sun", "clouds", "rainbow", "none"],
    "sunset": ["sun", "sun", "clouds", "none"],
    "night": ["full moon", "full moon", "crescent moon", "crescent moon", "none"],
    "overcast": ["clouds", "clouds", "rainbow"],
    "dawn": ["sun", "crescent moon", "clouds", "none"],
}
OBJECTS = {  # relative weight, height range in pixels
    "house": (1.5, (88, 118)), "tree": (1.2, (90, 130)), "pine tree": (1.1, (95, 140)),
    "palm tree": (0.9, (100, 140)), "cactus": (0.9, (75, 110)), "car": (1.3, (50, 66)),
    "sailboat": (1.3, (80, 115)), "hot air balloon": (1.1, (80, 112)),
    "lighthouse": (1.0, (115, 150)), "snowman": (1.0, (75, 105)), "windmill": (1.0, (100, 130)),
    "tent": (1.0, (60, 85)), "flowers": (0.9, (50, 72)),
}
COLOURED = {
    "house", "tree", "car", "sailboat", "hot air balloon", "lighthouse", "snowman", "windmill",
    "tent", "flowers",
}
TREE_COLOURS = ["green", "green", "orange", "red", "yellow", "pink"]
XPOS = {"left": 0.25, "centre": 0.5, "right": 0.75}  # of the width
POSITIONS = list(XPOS)

# ---------------------------------------------------------------- attributes


def allowed(name, land, draw):
    """Whether an object may stand on a land (some only rarely)."""
    if name == "sailboat" and land not in ("beach", "lake"):
        return False
    if name == "cactus" and land in ("snow", "lake"):
        return False
    if name == "cactus" and land != "desert" and draw.random() < 0.6:
        return False
    if name == "snowman" and land != "snow" and draw.random() < 0.85:
        return False
    return not (name in ("palm tree", "flowers") and land == "snow")


def object_names(count, land, draw):
    """`count` different objects."""
    names = []
    weights = [weight for weight, _ in OBJECTS.values()]
    while len(names) < count:
        name = draw.choices(list(OBJECTS), weights)[0]
        if name not in names and allowed(name, land, draw):
            names.append(name)
    return names


def positions(count, draw):
    """A position for each object; two objects are left and right of each other twice as often."""
    if count == 1:
        return [draw.choice(["left", "centre", "centre", "right"])]
    sides = [("left", "right"), ("right", "left")]
    mixed = [("left", "centre"), ("centre", "right"), ("centre", "left"), ("right", "centre")]
    return list(draw.choice(sides + sides + mixed))


def attributes(seed):
    """The ground truth of a seed: seed, sky, land, background, celestial and one or two objects."""
    draw = random.Random(seed)
    sky = draw.choices(SKIES, [3, 2, 2.2, 1.3, 1.3])[0]
    land = draw.choice(LANDS)
    background = draw.choice(BACKS)
    celestial = draw.choice(CELESTIALS[sky])
    names = object_names(1 if draw.random() < 0.45 else 2, land, draw)
    objects = []
    for name, position in zip(names, positions(len(names), draw)):
        colour = None
        if name in COLOURED:
            colour = draw.choice(TREE_COLOURS if name == "tree" else list(COLOURS))
        objects.append({"object": name, "colour": colour, "position": position})
    return {
        "seed": seed, "sky": sky, "land": land, "background": background,
        "celestial": celestial, "objects": objects,
    }


# ---------------------------------------------------------------- captions

SKY_TEXT = {
    "day": [
        "on a clear day", "under a blue sky", "during the day", "in daylight",
        "under a bright blue sky",
    ],
    "sunset": [
        "at sunset", "under an orange sunset sky", "in the evening at sunset", "at sunset",
    ],
    "night": ["at night", "under a starry sky", "on a starry night", "at night under the stars"],
    "overcast": [
        "on an overcast day", "under a grey sky", "on a grey overcast day",
        "under an overcast sky",
    ],
    "dawn": [
        "at dawn", "in the pink light of dawn", "in the early morning at dawn",
        "under a pink dawn sky",
    ],
}
LAND_TEXT = {
    "meadow": ["in a green meadow", "on a grassy field", "in a meadow", "on green grass"],
    "snow": ["in a snowy field", "in the snow", "on a snowy field", "in a white snowy landscape"],
    "desert": ["in the desert", "in a sandy desert", "on desert sand"],
    "beach": ["on a beach", "on a sandy beach by the sea", "on the beach", "by the sea"],
    "lake": ["by a lake", "on the shore of a lake", "beside a blue lake", "at a lake"],
}
PLACE_TEXT = {
    "meadow": "a green meadow", "snow": "a snowy field", "desert": "a sandy desert",
    "beach": "a beach by the sea", "lake": "a lake",
}
BACK_TEXT = {
    "mountains": [
        "with mountains in the background", "with tall mountains behind",
        "in front of mountains", "with snowy mountains",
    ],
    "hills": [
        "with rolling hills in the background", "with green hills behind",
        "in front of rolling hills", "with hills",
    ],
    "none": [""],
}
CELESTIAL_TEXT = {
    "sun": [
        "with the sun shining", "under the sun", "with a yellow sun", "and the sun in the sky",
    ],
    "full moon": ["under a full moon", "with a full moon", "and a full moon in the sky"],
    "crescent moon": [
        "under a crescent moon", "with a crescent moon", "and a crescent moon in the sky",
    ],
    "rainbow": ["with a rainbow", "under a rainbow", "and a rainbow in the sky"],
    "clouds": ["with white clouds", "with clouds in the sky", "and fluffy clouds"],
    "none": [""],
}
POSITION_TEXT = {
    "left": ["on the left", "to the left"],
    "right": ["on the right", "to the right"],
    "centre": ["in the middle", "in the centre"],
}
LINKS = ["and", "and", "beside", "next to", "with"]
OPENINGS = ["a postcard of ", "a picture of ", "an illustration of "]


def noun(thing, draw, colour=True):
    """An object with its article and, if `colour`, its colour."""
    name, hue = thing["object"], thing["colour"]
    # Both draws are made for every object: the order of draws belongs to the data set.
    tree = draw.choice(["tree", "round tree"])
    balloon = draw.choice(["hot air balloon", "hot air balloon", "balloon"])
    word = {"tree": tree, "hot air balloon": balloon}.get(name, name)
    told = colour and hue
    if name == "flowers":
        return f"{hue} flowers" if told else "flowers"
    if name == "snowman":
        scarf = told and draw.random() < 0.8
        return f"a snowman with a {hue} scarf" if scarf else "a snowman"
    if told:
        if name == "sailboat" and draw.random() < 0.3:
            return f"a sailboat with {hue} sails"
        return f"{'an' if hue[0] in 'o' else 'a'} {hue} {word}"
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def subject(scene, draw, full, keep):
    """The objects, perhaps with their positions: "a red car on the left and a tent"."""
    told = keep(0.45)
    objects = list(scene["objects"])
    if len(objects) == 2 and not full and draw.random() < 0.12:
        objects = objects[:1]
    if draw.random() < 0.3:
        objects = objects[::-1]
    placed = told and (full or draw.random() < 0.75)
    nouns = []
    for thing in objects:
        text = noun(thing, draw, keep(0.93))
        if placed:
            text += " " + draw.choice(POSITION_TEXT[thing["position"]])
        nouns.append(text)
    link = draw.choice(["and", "and", "with"] if placed else LINKS)
    return f" {link} ".join(nouns)


def tags(scene, subject_text, land, sky, background, celestial):
    """The style of a list of key words; omits what a sentence would omit."""
    words = [subject_text, scene["land"] if land else "", scene["sky"] if sky else ""]
    for text, name in ((background, scene["background"]), (celestial, scene["celestial"])):
        words.append(name if text and name != "none" else "")
    return ", ".join(word for word in words if word)


def place_first(scene, subject_text, sky, background, celestial):
    """The style that opens with the place: "a lake at dawn with a tent"."""
    parts = [PLACE_TEXT[scene["land"]], sky]
    if celestial[:4] != "with":
        return parts + [celestial, "with " + subject_text, background]
    return parts + ["with " + subject_text, background, celestial.replace("with", "and", 1)]


def caption(scene, draw, full=None):
    """One caption; `full` keeps every attribute, otherwise some are dropped at random."""
    def keep(probability):
        return True if full else draw.random() < probability

    who = subject(scene, draw, full, keep)
    land = draw.choice(LAND_TEXT[scene["land"]]) if keep(0.9) else ""
    sky = draw.choice(SKY_TEXT[scene["sky"]]) if keep(0.85) else ""
    celestial = draw.choice(CELESTIAL_TEXT[scene["celestial"]]) if keep(0.75) else ""
    background = draw.choice(BACK_TEXT[scene["background"]]) if keep(0.7) else ""
    style = draw.random()
    if style < 0.62:
        if draw.random() < 0.6:
            parts = [who, land, sky, background, celestial]
        else:
            parts = [who, land, background, sky, celestial]
    elif style < 0.75:
        parts = [(sky + ",") if sky else "", who, land, background, celestial]
    elif style < 0.87:
        parts = place_first(scene, who, sky, background, celestial)
    else:
        return tags(scene, who, land, sky, background, celestial)
    text = " ".join(part for part in parts if part)
    if draw.random() < 0.12:
        text = draw.choice(OPENINGS) + text
    return text


def captions(scene):
    """The four captions stored with a scene: a full one and three random ones."""
    draw = random.Random(scene["seed"] * 7 + 3)
    return [caption(scene, draw, True)] + [caption(scene, draw) for _ in range(3)]
