// SPDX-License-Identifier: Apache-2.0

import CommandSupport
import Glibc
import ProcessSupport
import Requests
import TestSupport
import Testing

/// Prompt files as the command line names them.
@Suite struct PromptReadingTests {
    @Test func filesAreReadAndMissingOnesNamed() throws {
        let directory = try TemporaryDirectory()
        try directory.write("a house\n", to: "p.txt")
        let path = directory.path + "/p.txt"
        #expect(try PromptList.read(path: path).entries.map(\.origin) == ["\(path):1"])
        #expect(
            throws: PromptListError.unreadable(
                source: "/nowhere/p.txt", reason: "No such file or directory")
        ) { try PromptList.read(path: "/nowhere/p.txt") }
        #expect(
            throws: PromptListError.unreadable(
                source: directory.path, reason: "Is a directory")
        ) { try PromptList.read(path: directory.path) }
    }

    @Test func pipesAreReadLikeFiles() throws {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        defer { close(ends[0]) }
        let text = Array("a house\n".utf8)
        #expect(write(ends[1], text, text.count) == text.count)
        close(ends[1])
        let path = "/dev/fd/\(ends[0])"
        #expect(try PromptList.read(path: path).entries.map(\.prompt) == ["a house"])
        #expect(throws: InputFileError.tooLarge) {
            try InputFile.read("/dev/zero", byteCountMax: 100_000)
        }
    }
}
