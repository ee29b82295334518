# SPDX-License-Identifier: Apache-2.0
"""Token ids of transformers' CLIPTokenizer for plain captions and for awkward strings.

Writes the folders `tokenizer-bytes` (a small vocabulary whose merges cross the bytes of accents,
Cyrillic, CJK and emoji) and `tokenizer-whole` (as transformers 5 saves it: one tokenizer.json, here with
the tokens of textual inversions) and, in tokenizer.json, one set of ids per vocabulary and
configuration.
"""

import json
import pathlib
import random
import shutil
import tempfile

import tokenizers
import transformers
from diffusers.loaders import TextualInversionLoaderMixin
from transformers import CLIPTokenizer

ROOT = pathlib.Path(__file__).resolve().parents[2]
POSTCARDS = ROOT / "Sources/EmbeddedModel/Resources/postcards/tokenizer"
LITERAL = "<|endoftext|>"

AWKWARD = [
    "", " ", "\t\n\r", "a", "!", "!!!", "hi!", "hi !! there!", "ÀÉÎÕÜ naïve café", "e\u0301 a\u030a o\u0308",
    "\u0301alone", "x\u0323\u0307 y\u0307\u0323", "한글 \u1112\u1161\u11ab\u1100\u1173\u11af", "ﬁ ﬂ ﬀ ligatures", "ＦＵＬＬ width １２３",
    "日本語のテキスト", "中文 混合 english 文字", "漢字かな交じり文、句読点。", "สวัสดีชาวโลก", "नमस्ते दुनिया", "مرحبا بالعالم", "שלום עולם",
    "Привет, мир! ЁЖИК", "Γειά σου Κόσμε ΟΔΥΣΣΕΥΣ ΣΑΣ", "ΑΣ. ΑΣ ς σ Σ", "İstanbul ISPARTA ı i İ I", "Straße GROẞ ẞ ß",
    "ŉ ǰ ΐ Ǆ ǅ ǆ", "👍", "👍🏽 thumbs", "👩‍👩‍👧‍👦 family", "🏳️‍🌈 flag 🇩🇪🇫🇷", "❤️ vs ❤", "a👍b", "1️⃣ keycap", "🧑‍🚀🚀🌕",
    "don't can't we'll I'm you've they're he'd it's", "DON'T WE'LL I'M", "don’t we’ll", "'s 't 're 've 'm 'll 'd", "''s '''t",
    "'scar 'tis 'round 'll've", "o'clock rock'n'roll", "a's1's!'s", "it's'", "'S 'RE", "12345 3.14 1,000,000", "٣٤٥ ५६७ Ⅳ ⅷ ½ ² ㊿",
    "a1b2c3", "1st 2nd 3rd 4k 8K", "x²+y³=z⁴", "<b>bold</b> &amp; <i>it</i>", "<html><body>hi</body></html>", "http://example.com/?q=a&b=c#d",
    "user@example.org", "C:\\path\\file.txt", "/usr/bin/env", "snake_case CamelCase kebab-case", "(masterpiece:1.2), [best] {quality}",
    "a, b; c: d. e? f! g", "--ar 16:9 --v 5", "$100 €50 £20 ¥3", "50% off @home #tag", "« guillemets » „quotes“ “double” ‘single’",
    "em—dash en–dash …", "\x00nul\x00", "bell\x07 esc\x1b[0m", "\x1c\x1d\x1e\x1f", "del\x7f c1\x85\x9f", "a\u200bb zero\u200cwidth\u200djoin\ufeff",
    "\u200b", "\u2060\u2061\u00ad soft\u00adhyphen", "a\u00a0b\u202fc\u3000d\u2003e", "\u1680\u180e\u2028\u2029x", "tab\tnew\nline\r\nvt\x0bff\x0c",
    "  leading and trailing  ", "many     spaces", "\u202eRTL override\u202c", "\ue000 private \uf8ff", "\U000f0000 \U0010ffff", "\ufffd \ufffe \uffff",
    "\U0001d400\U0001d401 math", "𝓯𝓪𝓷𝓬𝔂", "Z̷̢̛a̸̧͝l̵̡̛g̶̨͠o̷", "a\u0300\u0301\u0302\u0303\u0304" * 3, "\U0001e900\U0001e943 Adlam", "Ⓐⓑ ⒈ ①",
    "\u0378 unassigned \u088f new letter", "\ua7ce\U00016ea0 \U00011de5", "ﷺ ﷽", "ʼn apostrophe ʹ", "ᾳ ᾼ Ὰ ᾈ", "K Å Ω", "\u2126 \u212a \u212b",
    "e\u0898\u0334 \u1dfa\u0323\U0001e2ec\u0334x \U00011935\U00011930", "豈 更 車 \uf900 \ufa10", "\u0958 \u09dc \u0b5c \ufb1d", "Ⱥ Ⱦ ȺȾ", "Ꭰ Ꭱ ꭰ", "ა Ა", "ᲀ", "ꟹ ꓲ ʰ ª º",
    LITERAL, f"a {LITERAL} b", f"a{LITERAL}b{LITERAL}", "<|startoftext|>", "x <|startoftext|>y", "<|STARTOFTEXT|> <|EndOfText|>",
    f"!!{LITERAL}!!", "!!<|ENDOFTEXT|>!!", "<|startoftext|>'s", "<|STARTOFTEXT|>'s", "<|endoftext", "|endoftext|>", "<| endoftext |>", "<<|endoftext|>>",
    "<|endoftext|><|startoftext|><|endoftext|>", "<|END\u200bOFTEXT|>", "</w> a</w>b", "</W>", "Ġ Ā ĉ Ċ", "unk [UNK] <unk> [PAD]",
    "word " * 300, "a red house in the snow, " * 40, "é" * 200, "a" * 500, "ab" * 400, "x" * 75, "! " * 90, "1 " * 76,
    "a b " * 37 + "c", "a b " * 37 + "c d", "日" * 100, "👍" * 60, "don't " * 40, "supercalifragilisticexpialidocious",
    "pneumonoultramicroscopicsilicovolcanoconiosis", "antidisestablishmentarianism " * 9, "lighthouse at night, crescent moon" + "!" * 120,
]


def scrambled(count: int) -> list[str]:
    """Short random strings of pieces that interact: marks, joiners, quotes, markers, digits, spaces."""
    rng = random.Random(11)
    pieces = list("aAbsStTxéÉßσΣςİı日本語한é1٣½²'’!?.,-_|<> \t\n\xa0\u200b\u200d\ufe0f\u0301\u0307\u0323\x00👍🏽ö")
    pieces += ["'s", "'re", "'ll", LITERAL, "<|startoftext|>", "<|STARTOFTEXT|>", "the ", "house", "</w>"]
    return ["".join(rng.choices(pieces, k=rng.randint(2, 14))) for _ in range(count)]


def train_bytes_vocabulary(directory: pathlib.Path) -> None:
    """Trains a small vocabulary on many scripts, in CLIP's format and with SD 2's padding.

    An existing one is kept: the trainer breaks ties by chance.
    """
    if (directory / "vocab.json").exists():
        return
    rng = random.Random(5)
    words = " ".join(AWKWARD[:100]).lower().split()
    corpus = [" ".join(rng.choices(words, k=12)) for _ in range(2000)]
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=1400,
        special_tokens=[],
        initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()),
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    model = tokenizers.Tokenizer(tokenizers.models.BPE(end_of_word_suffix="</w>"))
    reference = CLIPTokenizer.from_pretrained(POSTCARDS).backend_tokenizer
    model.normalizer = reference.normalizer
    model.pre_tokenizer = reference.pre_tokenizer
    model.train_from_iterator(corpus, trainer)
    trained = json.loads(model.to_str())["model"]
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    # CLIP's order, so that "!" is id 0: the bytes, the bytes that end a word, the merges, the marks.
    names = alphabet + [c + "</w>" for c in alphabet]
    seen = set(names)
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in trained["merges"]]
    merges = [m for m in merges if all(part in trained["vocab"] for part in m)]
    for left, right in merges:
        if left + right not in seen:
            seen.add(left + right)
            names.append(left + right)
    # A vocabulary without some bytes shows how unknown symbols are handled.
    lacking = {"ÿ", "ÿ</w>", "þ</w>"} - {p for m in merges for p in m}
    names = [n for n in names if n not in lacking] + ["<|startoftext|>", LITERAL]
    names.remove("!")
    names.insert(0, "!")
    directory.mkdir(parents=True, exist_ok=True)
    vocabulary = {name: index for index, name in enumerate(names)}
    (directory / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    lines = ["#version: 0.2"] + [f"{a} {b}" for a, b in merges]
    (directory / "merges.txt").write_text("\n".join(lines) + "\n")
    mark = {"lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    special = {
        "bos_token": {"content": "<|startoftext|>", **mark},
        "eos_token": {"content": LITERAL, **mark},
        "pad_token": "!",
        "unk_token": {"content": LITERAL, **mark},
    }
    config = {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer", "pad_token": LITERAL}
    (directory / "special_tokens_map.json").write_text(json.dumps(special, indent=1))
    (directory / "tokenizer_config.json").write_text(json.dumps(config, indent=1))


def configurations() -> dict:
    """Published special-token files by name: (tokenizer_config, special_tokens_map)."""
    mark = {"lstrip": False, "normalized": True, "rstrip": False, "single_word": False}

    def token(content: str) -> dict:
        return {"__type": "AddedToken", "content": content, **mark}

    added = {
        "998": {"content": "<|startoftext|>", **mark, "special": True},
        "999": {"content": LITERAL, **mark, "special": True},
    }
    exclamation = {"content": "!", **mark, "normalized": False, "special": True}
    strings = {"bos_token": "<|startoftext|>", "eos_token": LITERAL, "unk_token": LITERAL}
    objects = {
        "bos_token": token("<|startoftext|>"), "eos_token": token(LITERAL), "unk_token": token(LITERAL),
    }
    return {
        "bare": ({}, None),
        "objects": ({**objects, "model_max_length": 77, "pad_token": LITERAL}, None),
        "all-objects": ({**objects, "model_max_length": 77, "pad_token": token(LITERAL)}, None),
        "decoder-sd2": (
            {**strings, "added_tokens_decoder": {"0": exclamation, **added}, "pad_token": "!",
             "model_max_length": 77},
            {**strings, "pad_token": LITERAL},
        ),
        "short": ({"model_max_length": 12, **strings, "pad_token": "!"}, None),
        "additional": (
            {"model_max_length": 77, **strings, "pad_token": LITERAL,
             "additional_special_tokens": ["<sks>", "house", "ho"]}, None),
    }


def save_whole(directory: pathlib.Path) -> None:
    """Saves a tokenizer as transformers 5 does, with two inversions of several vectors and one of one."""
    shutil.rmtree(directory, ignore_errors=True)
    tokenizer = CLIPTokenizer.from_pretrained(POSTCARDS)
    tokenizer(["a"], padding="max_length", max_length=77, truncation=True)
    tokenizer.add_tokens(["<x>", "<x>_1", "<x>_2", "<Big Cat>", "sks", "sks_1"])
    tokenizer.save_pretrained(directory)
    file = directory / "tokenizer.json"
    file.write_text(json.dumps(json.loads(file.read_text()), ensure_ascii=False, separators=(",", ":")) + "\n")


INVERTED = [
    "<x>", "a photo of <x> in the snow", "<x><x> <x>", "a <X> house", "<x>_1 and <x>", "<x>_2", "<x>_3",
    "<big cat> <Big Cat> <BIG CAT>", "sks house, sksy sks_1", "asks", "a house", "<x> " * 30, "sks " * 40 + "<x>",
]


def patched(value, patch):
    """Applies a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for key, change in patch.items():
        if change is None:
            result.pop(key, None)
        else:
            result[key] = patched(result.get(key), change)
    return result


def whole_sets() -> dict:
    """Folders beside tokenizer-whole by name: (patches of its files, further files)."""
    mark = {"lstrip": False, "rstrip": False, "single_word": False}
    decoder = {
        "998": {"content": "<|startoftext|>", **mark, "normalized": True, "special": True},
        "999": {"content": LITERAL, **mark, "normalized": False, "special": True},
        "1000": {"content": "<y>", **mark, "normalized": False, "special": False},
        "1001": {"content": "<y>_1", **mark, "normalized": False, "special": False},
    }
    left = {"truncation": {"direction": "Left", "max_length": 20}, "padding": {"direction": "Left"}}
    older = {file: (POSTCARDS.parents[4] / "Tests/StableDiffusionTests/Goldens/tokenizer-bytes" / file).read_text()
             for file in ("vocab.json", "merges.txt")}
    return {
        "whole": ({}, {}),
        # Everything that CLIPTokenizer does not read from the file.
        "whole-other-parts": ({"tokenizer.json": {
            "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None,
            "model": {"unk_token": "!", "end_of_word_suffix": "</x>"}}}, {}),
        "whole-left": ({"tokenizer.json": left}, {}),
        "whole-left-overridden": ({"tokenizer.json": left, "tokenizer_config.json": {
            "truncation_side": "right", "padding_side": "right"}}, {}),
        "whole-decoder": ({"tokenizer_config.json": {"added_tokens_decoder": decoder}}, {}),
        "whole-map": ({}, {"special_tokens_map.json": json.dumps({"pad_token": "!"})}),
        "whole-added": ({}, {"added_tokens.json": json.dumps({"<z>": 1006, "<z>_1": 1009, "<w>": 1000})}),
        "whole-beside-older": ({}, older),
        "whole-short": ({"tokenizer_config.json": {"model_max_length": None, "max_len": 12}}, {}),
        "whole-alone": ({"tokenizer_config.json": None}, {}),
    }


def expected(tokenizer: CLIPTokenizer, texts: list[str]) -> list[dict]:
    """The pipeline's input to the text encoder, and what is removed."""
    length = min(tokenizer.model_max_length, 77)
    result = []
    for text in texts:
        prompt = TextualInversionLoaderMixin._maybe_convert_prompt(None, text, tokenizer)
        padded = tokenizer(prompt, padding="max_length", max_length=length, truncation=True).input_ids
        whole = tokenizer(prompt, padding="longest").input_ids
        assert len(padded) == length
        if tokenizer.padding_side == "left":
            ids = padded[padded.index(tokenizer.bos_token_id):]
        else:
            last = len(padded)
            while last > 0 and padded[last - 1] == tokenizer.pad_token_id:
                last -= 1
            ids = padded[:last]
        case = {"text": text, "ids": ids}
        if len(whole) > length:
            cut = whole[1 : 1 - length] if tokenizer.truncation_side == "left" else whole[length - 1 : -1]
            case["removed"] = tokenizer.batch_decode([cut])[0]
        result.append(case)
    return result


def main(out_dir: str) -> None:
    """Writes tokenizer.json and the folder tokenizer-bytes into out_dir."""
    out = pathlib.Path(out_dir)
    train_bytes_vocabulary(out / "tokenizer-bytes")
    save_whole(out / "tokenizer-whole")
    captions = [item["caption"] for item in json.loads(CAPTIONS.read_text())]
    sets = []

    def add(name: str, folder: pathlib.Path, source: str, texts: list[str], files=None, patches=None) -> None:
        tokenizer = CLIPTokenizer.from_pretrained(folder)
        sets.append({
            "name": name, "source": source, "files": files or {}, "patches": patches or {},
            "pad_id": tokenizer.pad_token_id, "pads_left": tokenizer.padding_side == "left",
            "cases": expected(tokenizer, texts),
        })

    assert len(AWKWARD) >= 100 and len(captions) == 200
    add("postcards", POSTCARDS, "postcards", captions + AWKWARD + scrambled(200))
    add("bytes", out / "tokenizer-bytes", "tokenizer-bytes", AWKWARD + scrambled(200))
    few = [t for t in AWKWARD if "|" in t or "!" in t or "ho" in t][:40] + ["<sks> HOUSE house shop", "<SKS>"]
    for name, (config, special) in configurations().items():
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch)
            files = {"tokenizer_config.json": json.dumps(config)}
            if special is not None:
                files["special_tokens_map.json"] = json.dumps(special)
            for file in ("vocab.json", "merges.txt"):
                shutil.copy(POSTCARDS / file, folder / file)
            for file, text in files.items():
                (folder / file).write_text(text)
            add(name, folder, "postcards", few, files)
    inverted = INVERTED + ["<y> <z> <w>", "<Y>", "! a!b", LITERAL, "tree " * 90 + "house"]
    for name, (patches, files) in whole_sets().items():
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch)
            for file in (out / "tokenizer-whole").iterdir():
                patch = patches.get(file.name, {})
                if patch is not None:
                    value = patched(json.loads(file.read_text()), patch)
                    (folder / file.name).write_text(json.dumps(value))
            for file, text in files.items():
                (folder / file).write_text(text)
            add(name, folder, "tokenizer-whole", inverted, files, patches)
    data = {"transformers": transformers.__version__, "sets": sets}
    (out / "tokenizer.json").write_text(
        json.dumps(data, separators=(",", ":"), ensure_ascii=True) + "\n")


CAPTIONS = ROOT / "scripts/goldens/captions.json"

if __name__ == "__main__":
    main(str(ROOT / "Tests/StableDiffusionTests/Goldens"))
