#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains a small CLIP-format byte-level BPE on the captions plus some plain English.

    python scripts/train/train_tokenizer.py --data work/data --out work/ckpt/tokenizer --size 1000

Input: `--data`/train.jsonl from render.py (its first 10,000 scenes). Outputs in `--out`:
vocab.json, merges.txt, tokenizer_config.json, special_tokens_map.json, as transformers'
CLIPTokenizer reads them. The same data gives the same files, byte for byte.

The vocabulary is ordered as in OpenAI's CLIP: 256 byte symbols, the same 256 with </w>, one
entry per merge, <|startoftext|>, <|endoftext|>. The padding token is <|endoftext|>, as in Stable
Diffusion 1.x.
"""
import argparse
import collections
import json
import os
import re

from common import read_rows

SCENES = 10000
START, END = "<|startoftext|>", "<|endoftext|>"
# Plain English counts enough to get merges, but little enough that every word of a caption becomes
# one token.
ENGLISH_COUNT = 60
PUNCTUATION_COUNT = 1000
ENGLISH = """
the of and a to in is it you that he was for on are with as i his they be at one have this from or
had by hot but some what there we can out other were all your when up use word how said an each
she which do their time if will way about many then them would write like so these her long make
thing see him two has look more day could go come did my sound no most number who over know water
than call first people may down side been now find head stand own page should country found answer
school grow study still learn plant cover food sun four thought let keep eye never last door
between city tree cross since hard start might story saw far sea draw left late run don't while
press close night real life few stop open seem together next white children begin got walk example
ease paper often always music those both mark book letter until mile river car feet care second
group carry took rain eat room friend began idea fish mountain north once base hear horse cut sure
watch color face wood main enough plain girl usual young ready above ever red list though feel
talk bird soon body dog family direct pose leave song measure state product black short numeral
class wind question happen complete ship area half rock order fire south problem piece told knew
pass farm top whole king size heard best hour better true during hundred am remember step early
hold west ground interest reach fast five sing listen six table travel less morning ten simple
several vowel toward war lay against pattern slow center love person money serve appear road map
science rule govern pull cold notice voice fall power town fine certain fly unit lead cry dark
machine note wait plan figure star box noun field rest correct able pound done beauty drive stood
contain front teach week final gave green oh quick develop sleep warm free minute strong special
mind behind clear tail produce fact street inch lot nothing course stay wheel full force blue
object decide surface deep moon island foot yet busy test record boat common gold possible plane
age dry wonder laugh thousand ago ran check game shape yes hot miss brought heat snow bed bring
sit perhaps fill east weight language among photo painting drawing art style beautiful small big
large little tall bright cat house garden forest castle bridge cloud clouds sky summer winter
spring autumn colourful portrait view landscape scenery
""".split()


def byte_symbols():
    """CLIP's printable stand-in for every byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = dict(zip(printable, map(chr, printable)))
    for byte in range(256):
        if byte not in symbols:
            symbols[byte] = chr(256 + len(symbols) - len(printable))
    return symbols


def count_words(rows):
    """The weight of each word, digit or run of punctuation."""
    words = collections.Counter()
    for row in rows:
        for text in row["captions"]:
            words.update(re.findall(r"[a-z]+|[0-9]|[^\sa-z0-9]+", text.lower()))
    for word in ENGLISH:
        words[word] += ENGLISH_COUNT
    for sign in ".,!?'-":
        words[sign] += PUNCTUATION_COUNT
    return words


def merged(symbols, a, b):
    """A word's symbols with every neighbouring pair (a, b) joined."""
    out, i = [], 0
    while i < len(symbols):
        if symbols[i:i + 2] == (a, b):
            out.append(a + b)
            i += 2
        else:
            out.append(symbols[i])
            i += 1
    return tuple(out)


def learn(words, size):
    """-> (vocabulary in order, merges, symbols of every word), greedily joining the most frequent
    pair; of equally frequent ones the last in alphabetical order."""
    symbols = byte_symbols()
    split = {}
    for word in words:
        data = word.encode()
        split[word] = (*(symbols[b] for b in data[:-1]), symbols[data[-1]] + "</w>")
    vocabulary = list(symbols.values())
    vocabulary += [symbol + "</w>" for symbol in vocabulary]
    merges = []
    while len(vocabulary) + 2 < size:
        pairs = collections.Counter()
        for word, parts in split.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] += words[word]
        (a, b), _ = max(pairs.items(), key=lambda item: (item[1], item[0]))
        merges.append(f"{a} {b}")
        vocabulary.append(a + b)
        split = {word: merged(parts, a, b) for word, parts in split.items()}
    return vocabulary + [START, END], merges, split


def write(out, vocabulary, merges):
    """The four files of a CLIPTokenizer."""
    os.makedirs(out, exist_ok=True)
    with open(f"{out}/vocab.json", "w") as file:
        json.dump({v: i for i, v in enumerate(vocabulary)}, file, ensure_ascii=False)
    with open(f"{out}/merges.txt", "w") as file:
        file.write("#version: 0.2\n" + "\n".join(merges) + "\n")
    names = {"bos_token": START, "eos_token": END, "pad_token": END, "unk_token": END}
    flags = dict(lstrip=False, normalized=True, rstrip=False, single_word=False)
    special = {name: dict(content=token, **flags) for name, token in names.items()}
    special["pad_token"] = END
    with open(f"{out}/special_tokens_map.json", "w") as file:
        json.dump(special, file, indent=1)
    settings = dict(
        names, add_prefix_space=False, do_lower_case=True, errors="replace",
        model_max_length=77, tokenizer_class="CLIPTokenizer",
    )
    with open(f"{out}/tokenizer_config.json", "w") as file:
        json.dump(settings, file, indent=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default="work/data")
    parser.add_argument("--out", default="work/ckpt/tokenizer")
    parser.add_argument("--size", type=int, default=1000, help="entries")
    options = parser.parse_args()
    words = count_words(read_rows(options.data, "train", SCENES))
    vocabulary, merges, split = learn(words, options.size)
    write(options.out, vocabulary, merges)
    frequent = [word for word in split if words[word] > PUNCTUATION_COUNT]
    whole = sum(len(split[word]) == 1 for word in frequent)
    print(f"{len(vocabulary)} entries; {whole} of {len(frequent)} frequent words are one token")


if __name__ == "__main__":
    main()
