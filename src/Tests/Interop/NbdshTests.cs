namespace Harness.Tests;

/// <summary>libnbd's shell with its strict mode off: requests that a well-behaved client would not send, each with the answer it must get.</summary>
public class NbdshTests
{
    // Debian's python3 has the module; a python3 of another origin may stand before it in PATH.
    private static readonly Dictionary<string, string?> DebianPython = new() { ["PATH"] = $"/usr/bin:{Environment.GetEnvironmentVariable("PATH")}" };

    private const string Prelude = """
        h.set_strict_mode(0)
        size = h.get_size()
        def answer(name, request):
            try:
                request()
                print(name + "=ok")
            except nbd.Error as error:
                print(name + "=" + str(error.errno))
        def ok(condition):
            if not condition:
                raise AssertionError("the answer is wrong")

        """;

    [SkippableTheory]
    [MemberData(nameof(ServerCases.BackendsAndTransports), MemberType = typeof(ServerCases))]
    public void Requests_beyond_the_end_fail_and_the_connection_lives(string backend, string transport)
    {
        using var server = HarnessServer.Start(backend, transport);

        Answers(server, """
            answer("read at the end", lambda: h.pread(512, size))
            answer("read across the end", lambda: h.pread(1024, size - 512))
            answer("read at 2^63", lambda: h.pread(512, 2**63))
            answer("read that wraps", lambda: h.pread(512, 2**64 - 256))
            answer("write at the end", lambda: h.pwrite(b"x" * 512, size))
            answer("write across the end", lambda: h.pwrite(b"x" * 1024, size - 512))
            answer("write that wraps", lambda: h.pwrite(b"x" * 512, 2**64 - 256))
            answer("zero across the end", lambda: h.zero(1024, size - 512))
            answer("trim across the end", lambda: h.trim(1024, size - 512))
            answer("read the last block", lambda: h.pread(512, size - 512))
            answer("last block is untouched", lambda: ok(h.pread(512, size - 512) == bytes(512)))
            """).Are("""
            read at the end=EINVAL
            read across the end=EINVAL
            read at 2^63=EINVAL
            read that wraps=EINVAL
            write at the end=ENOSPC
            write across the end=ENOSPC
            write that wraps=ENOSPC
            zero across the end=ENOSPC
            trim across the end=EINVAL
            read the last block=ok
            last block is untouched=ok
            """);
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.BackendsAndTransports), MemberType = typeof(ServerCases))]
    public void Unknown_flags_and_commands_are_EINVAL_and_the_connection_lives(string backend, string transport)
    {
        using var server = HarnessServer.Start(backend, transport);

        // libnbd has no call for a command without a name; RawTransmissionTests sends one. CACHE is the one that it sends unasked.
        Answers(server, """
            answer("read", lambda: h.pread(512, 0, 0x8000))
            answer("write", lambda: h.pwrite(b"x" * 512, 0, 0x8000))
            answer("flush", lambda: h.flush(0x8000))
            answer("trim", lambda: h.trim(512, 0, 0x8000))
            answer("zero", lambda: h.zero(512, 0, 0x8000))
            answer("write with a flag of another command", lambda: h.pwrite(b"x" * 512, 0, nbd.CMD_FLAG_REQ_ONE))
            print("cache=EINVAL") if h.can_cache() else answer("cache", lambda: h.cache(512, 0))
            answer("read without flags", lambda: h.pread(512, 0))
            answer("nothing was written", lambda: ok(h.pread(512, 0) == bytes(512)))
            """).Are("""
            read=EINVAL
            write=EINVAL
            flush=EINVAL
            trim=EINVAL
            zero=EINVAL
            write with a flag of another command=EINVAL
            cache=EINVAL
            read without flags=ok
            nothing was written=ok
            """);
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.BackendsAndTransports), MemberType = typeof(ServerCases))]
    public void FUA_is_accepted_on_every_command(string backend, string transport)
    {
        using var server = HarnessServer.Start(backend, transport);

        Answers(server, """
            answer("read", lambda: h.pread(512, 0, nbd.CMD_FLAG_FUA))
            answer("write", lambda: h.pwrite(b"x" * 512, 0, nbd.CMD_FLAG_FUA))
            answer("trim", lambda: h.trim(512, 0, nbd.CMD_FLAG_FUA))
            answer("zero", lambda: h.zero(512, 0, nbd.CMD_FLAG_FUA))
            answer("zero without a hole", lambda: h.zero(512, 0, nbd.CMD_FLAG_FUA | nbd.CMD_FLAG_NO_HOLE))
            """).Are("""
            read=ok
            write=ok
            trim=ok
            zero=ok
            zero without a hole=ok
            """);
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.BackendsAndTransports), MemberType = typeof(ServerCases))]
    public void Requests_of_length_zero_do_not_disconnect(string backend, string transport)
    {
        using var server = HarnessServer.Start(backend, transport);

        // The protocol leaves the answer open, so only the life of the connection is judged.
        Answers(server, """
            for request in (lambda: h.pread(0, 0), lambda: h.pwrite(b"", 0), lambda: h.trim(0, 0), lambda: h.zero(0, 0), lambda: h.pread(0, size)):
                try:
                    request()
                except nbd.Error as error:
                    ok(error.errno in ("EINVAL", "ENOSPC"))
            answer("write after", lambda: h.pwrite(b"y" * 512, 512))
            answer("read after", lambda: ok(h.pread(512, 512) == b"y" * 512))
            """).Are("""
            write after=ok
            read after=ok
            """);
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.BackendsAndTransports), MemberType = typeof(ServerCases))]
    public void A_read_only_server_refuses_every_change_with_EPERM(string backend, string transport)
    {
        using var server = HarnessServer.Start(backend, transport, more: "--read-only");

        Answers(server, """
            answer("says so", lambda: ok(h.is_read_only()))
            answer("write", lambda: h.pwrite(b"x" * 512, 0))
            answer("zero", lambda: h.zero(512, 0))
            answer("trim", lambda: h.trim(512, 0))
            answer("read", lambda: ok(h.pread(512, 0) == bytes(512)))
            """).Are("""
            says so=ok
            write=EPERM
            zero=EPERM
            trim=EPERM
            read=ok
            """);
    }

    private static Answered Answers(HarnessServer server, string script)
    {
        var result = Tool.Run(Requires.Tool("nbdsh"), ["-u", server.Uri, "-c", $"{Prelude}{script}"], DebianPython);
        Skip.If(
            result.Errors.Contains("No module named", StringComparison.Ordinal),
            "nbdsh finds no python3 with the nbd module (Debian package python3-libnbd)");
        return new Answered(result.Succeeded());
    }

    private sealed record Answered(ToolResult Result)
    {
        public void Are(string expected) => Assert.Equal(expected.ReplaceLineEndings("\n"), Result.Output.TrimEnd('\n'));
    }
}
