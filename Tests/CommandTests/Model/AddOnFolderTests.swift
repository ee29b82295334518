// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import Requests
import TestSupport
import Testing

/// LoRAs and textual inversions that are chosen by name.
@Suite struct AddOnFolderTests {
    let folder: TemporaryDirectory

    init() throws {
        folder = try TemporaryDirectory()
        for name in ["b.safetensors", "a.safetensors", ".hidden.safetensors", "notes.txt", "c.pt"] {
            try folder.write("", to: name)
        }
    }

    @Test func filesHaveNames() throws {
        let loras = AddOnFolder(path: folder.path, .lora)
        #expect(try loras.entries().map(\.name) == ["a", "b"])
        #expect(try loras.path(of: "b") == folder.file("b.safetensors"))
    }

    /// A name is compared, and never part of a path.
    @Test(arguments: ["", ".", "..", "c", "b.safetensors", "../a", "/etc/passwd", ".hidden"])
    func otherNamesAreRefused(_ name: String) throws {
        #expect(
            throws: AddOnFolderError.unknown(
                path: folder.path, .lora, name: name, known: ["a", "b"])
        ) { try AddOnFolder(path: folder.path, .lora).path(of: name) }
    }

    @Test func absentDirectoriesAreNamed() throws {
        let absent = folder.file("absent")
        let error = #expect(throws: AddOnFolderError.self) {
            try AddOnFolder(path: absent, .embedding).entries()
        }
        #expect("\(error!)".hasPrefix("--embd-dir \(absent): "))
    }

    /// A run's later sessions and its workers get what its options and prompts named.
    @Test func optionsAreKept() throws {
        let options = try ModelOptions.parse([
            "--lora", "a:0.5", "--lora=b:-1", "--lora-model-dir", folder.path, "--embd-dir",
            folder.path,
        ])
        let entries = PromptList.entries(arguments: ["<lora:c:2> x"])
        let all = try options.with(lorasOf: entries).withAbsolutePaths()
        #expect(all.lora == ["a:0.5", "b:-1", "c:2.0"])
        let again = try ModelOptions.parse(all.arguments)
        #expect(again.lora == all.lora && again.loraModelDir == folder.path)
        #expect(again.embdDir == folder.path)
        var later = try ModelOptions.parse([])
        later.follow(path: nil, all.settings)
        #expect(later.lora == all.lora && later.loraModelDir == folder.path)
        #expect(later.embdDir == folder.path)
    }
}
