// SPDX-License-Identifier: Apache-2.0

import CommandSupport
import TestSupport
import Testing

/// Models that are chosen by name.
@Suite struct ModelFolderTests {
    let folder: TemporaryDirectory
    let models: ModelFolder

    init() throws {
        folder = try TemporaryDirectory()
        models = ModelFolder(path: folder.path)
        for name in ["b.safetensors", "a/unet/config.json", "c/readme.md", "notes.txt"] {
            try folder.write("", to: name)
        }
    }

    @Test func checkpointsAndDirectoriesHaveNames() throws {
        #expect(try models.entries().map(\.name) == ["a", "b"])
        #expect(try models.path(of: "b") == folder.file("b.safetensors"))
        #expect(try models.path(of: "a") == folder.file("a"))
    }

    /// A name is compared, and never part of a path.
    @Test(arguments: ["", ".", "..", "c", "b.safetensors", "../a", "a/", "/etc"])
    func otherNamesAreRefused(_ name: String) throws {
        #expect(
            throws: ModelFolderError.unknown(path: folder.path, name: name, known: ["a", "b"])
        ) { try models.path(of: name) }
    }

    @Test func oneNameForTwoIsRefused() throws {
        try folder.write("", to: "a.safetensors")
        #expect(throws: ModelFolderError.ambiguous(path: folder.path, name: "a")) {
            try models.path(of: "a")
        }
        #expect(try models.entries().count == 3)
    }

    @Test func absentDirectoriesAreNamed() throws {
        let absent = folder.file("absent")
        #expect(throws: ModelFolderError.unreadable(path: absent)) {
            try ModelFolder(path: absent).entries()
        }
    }
}
