using Harness.Io.Native;

namespace Harness.Tests;

/// <summary>The libc bindings, one file per header, against those headers.</summary>
public sealed class LibcAbiTests
{
    private static readonly string[] Headers =
        ["errno.h", "fcntl.h", "malloc.h", "poll.h", "sys/epoll.h", "sys/eventfd.h", "sys/mman.h", "sys/prctl.h", "sys/resource.h", "sys/socket.h", "sys/uio.h",
            "netinet/in.h", "netinet/tcp.h", "time.h", "unistd.h"];

    [SkippableFact]
    public void Every_constant_and_structure_is_that_of_its_header()
    {
        CCompiler.Require("sys/socket.h");
        var program = new AbiProgram(Headers);
        Type[] bindings =
        [
            typeof(Errno), typeof(Epoll), typeof(EventFd), typeof(Mman), typeof(Poll), typeof(Prctl), typeof(Resource), typeof(Socket), typeof(Unistd),
        ];
        foreach (Type binding in bindings)
        {
            program.Constants(binding);
        }

        foreach (Type type in new[] { typeof(Poll.pollfd), typeof(Poll.timespec), typeof(Socket.iovec), typeof(Socket.msghdr), typeof(Resource.rlimit) })
        {
            AbiLayout.Of(type).AddTo(program, new Dictionary<string, string>());
        }

        program.Struct(typeof(Epoll.Layout), "struct epoll_event", Epoll.Layout.Size);
        program.Field("struct epoll_event", "data", Epoll.Layout.DataOffset, sizeof(ulong));
        (bool ok, string said) = CCompiler.Check(program.Source);
        Assert.True(ok, said);
        Assert.Empty(program.Missing);
        Assert.True(program.Count > 80, $"only {program.Count} assertions");
    }
}
