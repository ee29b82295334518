// SPDX-License-Identifier: Apache-2.0

import Glibc
import NodeSupport
import TestSupport
import Testing

/// Key files are read only if nobody else can read them.
@Suite struct SecretFileTests {
    @Test func onlyTheOwnerMayReadIt() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("secret", to: "key")
        for mode: mode_t in [0o600, 0o400, 0o700] {
            chmod(path, mode)
            #expect(try SecretFile.read(path) == Array("secret".utf8))
        }
        for mode: mode_t in [0o640, 0o604, 0o660, 0o602, 0o611] {
            chmod(path, mode)
            #expect(throws: SecretFileError.open(path)) { try SecretFile.read(path) }
        }
    }

    @Test func onlyFilesAreRead() throws {
        let directory = try TemporaryDirectory()
        let pipe = directory.file("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        for path in [directory.path, directory.file("none"), "/dev/null", pipe] {
            #expect(throws: SecretFileError.self) { try SecretFile.read(path) }
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give files away"))
    func filesOfOthersAreRefused() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("secret", to: "key")
        chmod(path, 0o600)
        chown(path, 12345, 12345)
        #expect(throws: SecretFileError.foreign(path)) { try SecretFile.read(path) }
    }
}
