using System.Text.Json;
using Harness.Measure;
using Harness.Results;

namespace Harness.Tests.Interop;

/// <summary>The ladder through the real runner and the real processes: every rung, and a thousand connections.</summary>
public sealed class LadderCellsTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(4);

    private readonly TempDir _folder = new();
    private readonly Dictionary<string, string?> _environment;
    private readonly List<int> _runners = [];

    public LadderCellsTests() => _environment = new() { ["TMPDIR"] = Directory.CreateDirectory(_folder.File("tmp")).FullName };

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public void Every_rung_is_measured_and_stands_beside_the_one_below_it()
    {
        Skip.IfNot(RingFacts.Read().Available, "io_uring is refused here");
        var (code, said) = Run("run", Path.Combine(Repository.Root, "bench", "ladder.yml"), "--brief", "--results", _folder.File("results"));
        Assert.True(code == 0, said);
        var folder = Folder();
        var cells = RunReader.Read(folder).Cells;
        Assert.All(cells, cell =>
        {
            Assert.Equal((CellStatus.Ok, null), (cell.Status, cell.Reason));
            Assert.True(cell.Load is { Ops: > 0, Iops: > 0, Seconds: > 0 }, cell.Cell);
        });
        var bare = cells.Where(cell => cell.Axes["layer"] != "nbd").ToArray();
        Assert.Equal(["exchange", "exchange", "exchange", "nop"], bare.Select(cell => cell.Axes["layer"]).Order());
        Assert.All(bare, cell => AssertBare(cell.Load!, cell.Axes["layer"], cell.Axes["wait"]));

        using var report = JsonDocument.Parse(File.ReadAllText(Reported(folder)));
        var places = report.RootElement.GetProperty("ladder").EnumerateArray().ToArray();
        // 16 requests on one connection, blocking and spinning, the same of 4 KiB, and four connections over TCP.
        Assert.Equal(4, places.Length);
        var full = places.Single(place => place.GetProperty("rungs").GetArrayLength() == 10).GetProperty("rungs").EnumerateArray().ToArray();
        string[] stores = ["null:16M", "memory:16M", "file:16M", "ext2:16M"];
        Assert.Equal(["nop", "exchange", .. stores, .. stores], full.Select(rung => rung.GetProperty("rung").GetString()));
        Assert.Equal(JsonValueKind.Null, full[0].GetProperty("below").ValueKind);
        foreach (var rung in full.Skip(1))
        {
            Assert.Contains(full, lower => lower.GetProperty("cell").GetString() == rung.GetProperty("below").GetString());
            Assert.True(rung.GetProperty("ratio_to_below").GetProperty("median").GetDouble() > 0);
            Assert.Equal(JsonValueKind.Object, rung.GetProperty("added_us_per_op").ValueKind);
        }
        Assert.All(full.Skip(2), rung => Assert.True(rung.GetProperty("ratio_to_limit").GetProperty("median").GetDouble() > 0));
        Assert.Empty(_runners.SelectMany(SharedMemory.FilesOf));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_environment["TMPDIR"]!));
    }

    private static void AssertBare(LoadResult load, string layer, string wait)
    {
        // A rung knows no single request; null is what could not be had.
        Assert.Null(load.LatencyUs);
        Assert.True(load.Client.SyscallsPerOp > 0);
        if (layer == "nop")
        {
            Assert.Equal(1.0, load.Client.SqesPerOp);
            Assert.Equal(1.0, load.Client.CqesPerOp);
            // A batch of 16 takes one enter.
            Assert.Equal(1.0 / 16, load.Client.EntersPerOp!.Value, 0.001);
            Assert.Null(load.Server);
            return;
        }
        Assert.Equal(wait, load.Wait);
        Assert.True(load.Server is { CpuUsPerOp: > 0, ContextSwitchesPerOp: not null });
    }

    [Fact]
    public void The_exchange_allocates_nothing_however_long_it_goes_on()
    {
        var socket = $"nbd+unix:///?socket={_folder.File("s")}";
        using var answer = Child.Start(HarnessServer.Program, ["rung", "answer", socket, "--connections", "3", "--size", "1000"], _environment);
        Assert.Equal($"ready {socket}", answer.NextLine(s_patience));
        foreach (var duration in (string[])["20ms", "200ms"])
        {
            string[] shape = ["--connections", "3", "--size", "1000", "--depth", "600", "--warmup", "10ms", "--duration", duration];
            var (code, said) = Run(["rung", "exchange", socket, .. shape, "--json", _folder.File("x.json")]);
            Assert.True(code == 0, said);
            var load = JsonSerializer.Deserialize(File.ReadAllText(_folder.File("x.json")), ResultsJson.Document.LoadResult)!;
            Assert.True(load.Ops >= 3 * 600);
            // What reading the counters allocates once does not grow with the operations.
            Assert.InRange(load.Client.AllocatedBytesPerOp!.Value * load.Ops, 0, 4096);
            Assert.Equal(load.Iops * 1000, load.BytesPerSecond, load.BytesPerSecond / 1000);
        }
        answer.Signal("TERM");
        Assert.Equal(0, answer.WaitForExit(s_patience));
        Assert.False(File.Exists(_folder.File("s")));
    }

    [SkippableTheory]
    [InlineData("epoll", "unix")]
    [InlineData("uring", "tcp")]
    public void A_thousand_connections_are_one_cell(string backend, string transport)
    {
        Skip.If(backend == "uring" && !RingFacts.Read().Available, "io_uring is refused here");
        File.WriteAllText(_folder.File("m.yml"), $"backend: {backend}\ntransport: {transport}\nconnections: 1000\ndepth: 2\nsize: 512\nblock: memory:4M\nrounds: 1\nduration: 50ms\nwarmup: 10ms\n");
        var (code, said) = Run("run", _folder.File("m.yml"), "--results", _folder.File("results"));
        Assert.True(code == 0, said);
        var cell = Assert.Single(RunReader.Read(Folder()).Cells);
        Assert.True(cell is { Status: CellStatus.Ok, Load: { Errors: 0, Ops: >= 1000 } }, cell.Reason);
    }

    [Theory]
    [InlineData("memory:2500k")]
    [InlineData("file")]
    public void A_filled_store_has_no_byte_that_was_never_written(string store)
    {
        if (store == "file")
        {
            File.WriteAllBytes(_folder.File("disk"), new byte[2500 << 10]);
            store = $"file:{_folder.File("disk")}";
        }
        using var server = HarnessServer.Start("epoll", block: store, more: "--fill");
        // One connection at a time from the first block to the last, of which the store has 625: no read finds zeroes.
        var (code, said) = Run("load", server.Uri, "--verify=zeroes", "--pattern", "sequential", "--ops", "625", "--json", _folder.File("x.json"));
        Assert.True(code == 1, said);
        Assert.Equal(0, JsonSerializer.Deserialize(File.ReadAllText(_folder.File("x.json")), ResultsJson.Document.LoadResult)!.Ops);
    }

    [Fact]
    public void Filling_writes_so_it_is_not_for_what_is_read_only()
    {
        var (code, output, error) = VerbConsole.Invoke("serve", "--block", "memory:1M", "--fill", "--read-only");
        Assert.Equal((2, ""), (code, output));
        Assert.Equal("harness serve: --fill and --read-only exclude each other: filling writes (harness serve --help explains)\n", error);
    }

    [Theory]
    [InlineData("rung", "harness rung: RUNG is missing: nop: what a ring does at most; exchange: the same bytes as NBD reads, and nothing else; answer: the exchange's other process; events: a variant of the pipe test")]
    [InlineData("rung nob", "harness rung: unknown rung 'nob'; did you mean 'nop'? legal: nop, exchange, answer, events")]
    [InlineData("rung nop nbd://localhost", "harness rung: nop takes no URI: nothing is sent anywhere")]
    [InlineData("rung exchange", "harness rung: exchange needs a URI: where the answering process listens, like nbd+unix:///?socket=/tmp/s")]
    [InlineData("rung exchange nbd://localhost --wait adaptive", "harness rung: --wait: unknown wait mode 'adaptive'; legal: block, spin")]
    [InlineData("rung exchange nbd://localhost --size 64M", "harness rung: --size: a request of 64M is outside 1 to 32M")]
    [InlineData("rung nop --depth 65536", "harness: --depth 65536: a ring has at most 32768 entries; give that many, or fewer")]
    public void A_usage_error_is_one_line(string commandLine, string line)
    {
        var (code, output, error) = VerbConsole.Invoke(commandLine.Split(' '));
        Assert.Equal((2, ""), (code, output));
        Assert.StartsWith(line, error);
        Assert.Single(error.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public void Without_an_answering_process_the_exchange_says_so()
    {
        var (code, _, error) = VerbConsole.Invoke("rung", "exchange", $"nbd+unix:///?socket={_folder.File("none")}");
        Assert.Equal(1, code);
        Assert.Equal($"harness: cannot connect to {_folder.File("none")}: No such file or directory\n", error);
    }

    private string Reported(string folder)
    {
        var (code, said) = Run("report", folder, "--no-html", "--json", _folder.File("report.json"));
        Assert.True(code == 0, said);
        return _folder.File("report.json");
    }

    private (int? Code, string Said) Run(params string[] arguments)
    {
        using var child = Child.Start(HarnessServer.Program, arguments, _environment);
        _runners.Add(child.Id);
        var code = child.WaitForExit(s_patience);
        return (code, child.Output + child.Errors);
    }

    private string Folder() => Directory.GetDirectories(Directory.GetDirectories(_folder.File("results")).Single()).Single();
}
