// SPDX-License-Identifier: Apache-2.0

import Coordinator
import Testing

@Suite struct HostsFileTests {
    @Test func everyFormOfALine() throws {
        let text = """
            \u{FEFF}# workers
            alpha

            beta:7401   # the fast one
            10.0.0.7:1 zone=a slots=2
              [::1]
            [fe80::1]:65535\tname=x=y
            [fe80::1%lo]:7402
            my_host-2.example.org\r
            """
        let workers = try HostsFile.parse(text, name: "hosts.txt")
        #expect(
            workers == [
                WorkerAddress(host: "alpha"), WorkerAddress(host: "beta", port: 7401),
                WorkerAddress(host: "10.0.0.7", port: 1, options: ["zone": "a", "slots": "2"]),
                WorkerAddress(host: "::1"),
                WorkerAddress(host: "fe80::1", port: 65535, options: ["name": "x=y"]),
                WorkerAddress(host: "fe80::1%lo", port: 7402),
                WorkerAddress(host: "my_host-2.example.org"),
            ])
        #expect(workers.map(\.description).contains("[::1]:7400"))
    }

    @Test func allProblemsComeAtOnceWithTheirLines() {
        let text = """
            good:7400
            bad host!
            :7400
            a:0
            b:65536
            c:12x
            c:
            ::1
            [::1
            [zebra]:1
            [::1]7400
            GOOD:7400
            good
            d key
            e k=1 k=2
            f =1
            exa$mple
            """
        let error = #expect(throws: HostsFileError.self) {
            try HostsFile.parse(text, name: "hosts.txt")
        }
        #expect(error?.problems.map(\.line) == Array(2...17))
        #expect(error?.description.split(separator: "\n").count == 16)
        #expect(error?.description.contains("hosts.txt:12: GOOD:7400 is on line 1 already") == true)
        #expect(error?.description.contains("hosts.txt:8: '::1': write an IPv6") == true)
    }

    @Test func emptyAndUnreadableFilesAreErrors() {
        for text in ["", "\n\n", "# nobody\n"] {
            #expect(
                throws: HostsFileError(
                    fileName: "h", problems: [.init(line: 0, text: "it names no worker")])
            ) { try HostsFile.parse(text, name: "h") }
        }
        let error = #expect(throws: HostsFileError.self) {
            try HostsFile.parse([0x61, 0xFF, 0x0A], name: "h")
        }
        #expect(error?.description == "h: it is not UTF-8 text")
    }
}
