using Harness.Kernels.Guest;
using Harness.Matrix;
using Harness.Run;

namespace Harness.Tests.Unit;

/// <summary>Cells with peers, and matrices in parts.</summary>
public sealed class PeerMatrixTests : IDisposable
{
    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("harness", "harness", "same", "backend=epoll,depth=64,rw=read")]
    [InlineData("harness", "harness", "epoll", "backend=epoll,depth=64,rw=read")]
    [InlineData("harness", "harness", "uring", "backend=epoll,depth=64,rw=read,client_backend=uring")]
    [InlineData("nbdkit", "harness", "same", "backend=epoll,depth=64,rw=read,server=nbdkit")]
    [InlineData("nbdkit", "harness", "uring", "backend=uring,depth=64,rw=read,server=nbdkit")]
    [InlineData("harness", "fio", "uring", "backend=epoll,depth=64,rw=read,client=fio")]
    [InlineData("nbdkit", "fio", "uring", "depth=64,rw=read,server=nbdkit,client=fio")]
    [InlineData("nbdkit", "copy", "uring", "depth=64,rw=read,server=nbdkit,client=copy")]
    public void A_cell_is_named_by_what_its_processes_have(string server, string client, string clientBackend, string id)
    {
        var cell = Cell(("backend", "epoll"), ("server", server), ("client", client), ("client_backend", clientBackend));
        Assert.Equal(id, cell.Id);
        // Read back from a record it is the same cell.
        Assert.Equal(id, new Cell(cell.Values).Id);
    }

    [Fact]
    public void Only_a_client_of_ours_is_half_duplex()
    {
        var cells = Matrix("backend: uring\nclient: [harness, fio]\nduplex: [full, half]\n").Cells();
        Assert.Equal(["backend=uring,depth=64,rw=read", "backend=uring,depth=64,rw=read,duplex=half", "backend=uring,depth=64,rw=read,client=fio"], cells.Select(cell => cell.Id));
    }

    [Fact]
    public void Cells_that_differ_only_in_what_a_peer_does_not_have_are_one()
    {
        var cells = Matrix("wait: [block, spin]\nserver: [harness, nbdkit]\nclient: [harness, fio]\n").Cells();
        Assert.Equal(10, cells.Count(cell => cell is { HasOurServer: true, HasOurClient: true }));
        Assert.Equal(10, cells.Count(cell => cell is { HasOurServer: true, HasOurClient: false }));
        Assert.Equal(10, cells.Count(cell => cell is { HasOurServer: false, HasOurClient: true }));
        Assert.Single(cells, cell => cell is { HasOurServer: false, HasOurClient: false });
    }

    [Fact]
    public void Parts_are_matrices_of_their_own_with_the_axes_of_the_whole_where_they_give_none()
    {
        var cells = Matrix("backend: epoll\ndepth: 1\nparts:\n  - { depth: [1, 64] }\n  - { rw: [read, write] }\n").Cells();
        Assert.Equal(["backend=epoll,depth=1,rw=read", "backend=epoll,depth=64,rw=read", "backend=epoll,depth=1,rw=write"], cells.Select(cell => cell.Id));
    }

    [Theory]
    [InlineData("parts: 5", "1: parts: expected a list of axes with their values, as in '- { depth: 1, rw: [read, write] }'")]
    [InlineData("parts: []", "1: parts: expected a list of axes with their values, as in '- { depth: 1, rw: [read, write] }'")]
    [InlineData("parts:\n  - depth", "2: parts: expected axes with their values, as in '- { depth: 1 }'")]
    [InlineData("parts:\n  - { dept: 1 }", "2: parts: unknown axis 'dept'; did you mean 'depth'? legal: backend, variant, pipes, tokens, wait, gather, depth, ")]
    [InlineData("parts:\n  - { rounds: 1 }", "2: parts: unknown axis 'rounds'; legal: ")]
    [InlineData("parts:\n  - { depth: x }", "2: depth: 'x' is not a whole number from 1 to 65536")]
    [InlineData("parts:\n  - { arrivals: poisson }", "1: arrivals: a closed loop has no arrivals; give rates too, as in 'rate: [10k, 20k]'")]
    [InlineData("server: nbdkid", "1: unknown server 'nbdkid'; did you mean 'nbdkit'? legal: harness, nbdkit, qemu-nbd, nbd-server")]
    [InlineData("client: foi", "1: unknown client 'foi'; did you mean 'fio'? legal: harness, fio, nbdcopy, copy")]
    [InlineData("client_backend: epol", "1: unknown client_backend 'epol'; did you mean 'epoll'? legal: same, poll, epoll, uring-poll, uring, uring-epoll")]
    public void A_mistake_is_one_line_that_says_where_and_what_is_legal(string yaml, string message)
    {
        var error = Assert.Throws<HarnessException>(() => Matrix(yaml));
        Assert.StartsWith($"{_folder.File("m.yml")}:{message}", error.Message);
    }

    [SkippableTheory]
    [InlineData("server", "nbdkit", "block", "file:/x", "nbdkit stands beside memory:SIZE and null:SIZE, not beside file:/x")]
    [InlineData("server", "nbdkit", "block", "delay:read=1us/memory:1M", "nbdkit stands beside memory:SIZE and null:SIZE, not beside delay:read=1us/memory:1M")]
    [InlineData("server", "qemu-nbd", "block", "delay:read=1ms/memory:1M", "qemu-nbd has no delay; nbdkit has one")]
    [InlineData("server", "nbd-server", "block", "null:1M", "nbd-server serves files only, and has nothing like null:SIZE")]
    [InlineData("server", "qemu-nbd", "block", "memory:1000000G", "/dev/shm has ")]
    [InlineData("client", "fio", "rate", "500", "fio's rate only slows a closed loop down, and is no schedule; leave rate at closed")]
    [InlineData("client", "fio", "size", "4k:50+8k:50", "fio is asked for one size here; give no shares")]
    [InlineData("client", "nbdcopy", "rw", "write", "nbdcopy reads from the beginning to the end; give rw: read and pattern: sequential")]
    [InlineData("client", "nbdcopy", "pattern", "random", "nbdcopy reads from the beginning to the end; give rw: read and pattern: sequential")]
    [InlineData("client", "nbdcopy", "rate", "500", "nbdcopy has no rate; leave rate at closed")]
    [InlineData("client", "copy", "rw", "write", "copy reads from the beginning to the end; give rw: read and pattern: sequential")]
    [InlineData("client", "fio", "pattern", "zipf:0.99", "fio's zipf visits other blocks than ours; use random or sequential")]
    public void What_a_peer_cannot_do_is_refused_by_name(string side, string peer, string axis, string value, string reason)
    {
        if (peer != Vocabulary.Copy)
        {
            Requires.Tool(peer);
        }
        Assert.StartsWith(reason, Peers.Refusal(Cell((side, peer), (axis, value))));
    }

    [Fact]
    public void A_delay_of_nbdkit_is_that_of_the_chain()
    {
        Cell cell = Cell(("server", "nbdkit"), ("block", "delay:write=2s,read=10ms/memory:1M"), ("max_in_flight", "65536"));
        using var scratch = new ScratchFolder();
        string command = string.Join(' ', new NbdkitServer().Launch(cell, PeerExport.Of(cell["block"])!, scratch, file: null).Command);
        Assert.EndsWith("--threads 64 --filter=delay memory size=1048576 rdelay=10ms wdelay=2000ms", command);
        Assert.DoesNotContain("max_in_flight", cell.Id, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("harness", "block", "gather=0s")]
    [InlineData("harness", "spin", "")]
    [InlineData("harness", "adaptive", "")]
    [InlineData("nbdkit", "block", "")]
    public void Only_a_server_of_ours_that_blocks_gathers(string server, string wait, string inId)
    {
        Cell cell = Cell(("server", server), ("wait", wait), ("gather", "0s"));
        Assert.Equal(inId.Length > 0, cell.Id.Contains("gather", StringComparison.Ordinal));
        Assert.Contains(inId, cell.Id, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0s", 0)]
    [InlineData("80us", 80)]
    [InlineData("10ms", 10_000)]
    [InlineData("10001us", null)]
    [InlineData("20", null)]
    public void A_time_to_gather_has_a_unit_and_an_end(string text, int? microseconds)
    {
        if (microseconds is { } us)
        {
            Assert.Equal(TimeSpan.FromMicroseconds(us), Vocabulary.GatherTime(text));
        }
        else
        {
            Assert.Throws<FormatException>(() => Vocabulary.GatherTime(text));
        }
    }

    [Fact]
    public void In_a_guest_nothing_gathers()
    {
        Assert.Null(GuestPlan.Refusal(Cell(("wait", "block"))));
        Assert.Contains("leave gather away", GuestPlan.Refusal(Cell(("wait", "block"), ("gather", "0s"))), StringComparison.Ordinal);
        Assert.All(
            ["ext2:16M", "nbd:16M", "file:16M"],
            block => Assert.Contains("use a memory store", GuestPlan.Refusal(Cell(("block", block))), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("harness", "2100000us")]
    [InlineData("nbdkit", "350000us")]
    public void Fio_warms_up_until_our_server_has_compiled_its_code(string server, string ramp)
    {
        var warmup = TimeSpan.FromMilliseconds(350);
        var settings = new CellSettings { Program = [], Pinning = new Pinning(null, null, []), Warmup = warmup, Duration = TimeSpan.Zero, Seed = 1 };
        Assert.Contains($"--ramp_time={ramp}", FioArguments.For(Cell(("server", server), ("client", "fio")), settings, "nbd://a", "/dev/null"));
    }

    [Theory]
    [InlineData("null:1000000G", 20)]
    [InlineData("file:/some/disk", 20)]
    [InlineData("memory:512M", 25)]
    [InlineData("file:512M", 25)]
    [InlineData("nbd:512M", 25)]
    [InlineData("memory:8G", 100)]
    public void A_server_has_time_to_fill_what_it_serves(string block, int seconds)
    {
        var settings = new CellSettings { Program = [], Pinning = new Pinning(null, null, []), Warmup = TimeSpan.Zero, Duration = TimeSpan.Zero, Seed = 1 };
        Assert.Equal(TimeSpan.FromSeconds(seconds), settings.ReadyDeadline(Cell(("block", block))));
    }

    private static Cell Cell(params (string Axis, string Value)[] values) => new(values.ToDictionary(pair => pair.Axis, pair => pair.Value));

    private MatrixDefinition Matrix(string yaml)
    {
        var path = _folder.File("m.yml");
        File.WriteAllText(path, yaml);
        return MatrixReader.Read(path, brief: false);
    }
}
