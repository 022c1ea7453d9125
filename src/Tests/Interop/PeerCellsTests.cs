using Harness.Results;

namespace Harness.Tests.Interop;

/// <summary>Cells with other people's servers and clients, through the real runner: measured, killed, missing; and nothing of them stays.</summary>
public sealed class PeerCellsTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(4);

    private readonly TempDir _folder = new();
    private readonly List<int> _runners = [];
    private readonly Dictionary<string, string?> _environment;

    public PeerCellsTests() => _environment = new() { ["TMPDIR"] = Directory.CreateDirectory(_folder.File("tmp")).FullName };

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public void Every_peer_is_measured_with_both_clients_and_named_in_the_record()
    {
        string[] servers = ["nbdkit", "qemu-nbd", "nbd-server"];
        foreach (var tool in (string[])[.. servers, "fio", "nbdcopy"])
        {
            Requires.Tool(tool);
        }
        var (code, said) = Run("run", Path.Combine(Repository.Root, "bench", "peers.yml"), "--brief", "--results", _folder.File("results"));
        Assert.True(code == 0, said);
        var cells = RunReader.Read(Folder()).Cells;
        Assert.All(cells, cell => Assert.Equal((CellStatus.Ok, null), (cell.Status, cell.Reason)));
        foreach (var server in servers.Append("harness"))
        {
            foreach (var client in (string[])["harness", "fio"])
            {
                AssertCell(cells.Single(cell => (cell.Axes["server"], cell.Axes["client"], cell.Axes["rw"]) == (server, client, "read")), server, client);
            }
        }
        foreach (var server in (string[])["harness", "nbdkit"])
        {
            AssertCopied(cells.Single(cell => (cell.Axes["server"], cell.Axes["client"]) == (server, "nbdcopy")));
        }
        Assert.Contains("nbdkit", Run("report", Folder(), "--no-html").Said);
        AssertNothingIsLeft();
    }

    [SkippableTheory]
    [InlineData("client", 7)]
    [InlineData("copy", 4)]
    public void Clients_are_measured_beside_each_other(string matrix, int cells)
    {
        Requires.Tool("nbdkit");
        Requires.Tool("nbdcopy");
        Requires.Tool("fio");
        var (code, said) = Run("run", Path.Combine(Repository.Root, "bench", $"{matrix}.yml"), "--brief", "--results", _folder.File("results"));
        Assert.True(code == 0, said);
        var records = RunReader.Read(Folder()).Cells;
        Assert.Equal(cells, records.Count);
        Assert.All(records, cell => Assert.True(cell is { Status: CellStatus.Ok, Load: { Ops: > 0, Errors: 0 } }, $"{cell.Cell}: {cell.Reason}"));
        if (matrix == "copy")
        {
            Assert.All(records, cell => Assert.Equal((64 << 20) / (64 << 10), cell.Load!.Ops));
        }
        Assert.Contains(matrix == "copy" ? "nbdcopy" : "half", Run("report", Folder(), "--no-html").Said);
        AssertNothingIsLeft();
    }

    private static void AssertCopied(CellRecord cell)
    {
        var load = cell.Load!;
        Assert.StartsWith("nbdcopy --no-extents ", cell.ClientPeer!.CommandLine);
        // 16 MiB, read once.
        Assert.Equal((16 << 20) / 4096, load.Ops);
        Assert.True(load.Seconds > 0 && load.Client.CpuUsPerOp is null or > 0.01, cell.Cell);
        Assert.Null(load.LatencyUs);
    }

    private static void AssertCell(CellRecord cell, string server, string client)
    {
        var load = cell.Load!;
        Assert.Equal(server == "harness" ? null : server, cell.ServerPeer?.Name);
        Assert.Equal(client == "harness" ? null : client, cell.ClientPeer?.Name);
        foreach (var peer in (PeerFacts?[])[cell.ServerPeer, cell.ClientPeer])
        {
            Assert.True(peer is null || (peer.Version!.Any(char.IsAsciiDigit) && peer.CommandLine.StartsWith(peer.Name + " ", StringComparison.Ordinal)));
        }
        Assert.Equal(server == "nbd-server", cell.ServerPeer?.Config is not null);
        Assert.True(load.Ops > 0 && load.LatencyUs!.Count > 0 && load.ServiceUs!.P50 > 0, cell.Cell);
        Assert.NotNull(load.Client.ContextSwitchesPerOp);
        // fio counts in milliseconds, and the server is read while it runs: on a busy machine so short a part may have too little of either.
        foreach (var cpuUs in (double?[])[load.Client.CpuUsPerOp, load.Server?.CpuUsPerOp])
        {
            Assert.True(cpuUs is null ? client == "fio" : cpuUs is > 0.01 and < 10_000, $"{cell.Cell}: {cpuUs} µs of CPU per operation");
        }
        Assert.Equal(client == "harness" ? "uring" : null, load.Backend);
        Assert.Equal(server == "harness", load.Server?.SyscallsPerOp is not null);
    }

    [SkippableTheory]
    [InlineData("nbdkit", "harness", "nbdkit was killed by signal 9 ")]
    [InlineData("nbd-server", "harness", "nbd-server ended with exit code 1: it ended without being told to during the measurement")]
    [InlineData("qemu-nbd", "fio", "qemu-nbd was killed by signal 9 ")]
    public void A_peer_that_dies_under_load_fails_its_cell_in_one_line_and_the_run_goes_on(string server, string client, string reason)
    {
        Requires.Tool(client == "fio" ? client : server);
        Requires.Tool(server);
        using var runner = Start($"server: {server}\nclient: {client}\nduration: 30s\nrounds: 2\n");
        // The second round runs into the same end, so the run comes to its own.
        for (var round = 1; round <= 2; round++)
        {
            WaitFor(() => IsLoaded(client), runner);
            Kill(server);
            WaitFor(() => Directory.Exists(_folder.File("results")) && RunReader.Read(Folder()).Cells.Count >= round, runner);
        }
        Assert.Equal(1, runner.WaitForExit(s_patience));
        Assert.All(RunReader.Read(Folder()).Cells, cell =>
        {
            Assert.Equal(CellStatus.Failed, cell.Status);
            Assert.StartsWith(reason, cell.Reason);
            Assert.Equal(server, cell.ServerPeer?.Name);
        });
        AssertNothingIsLeft();
    }

    [SkippableTheory]
    [InlineData("qemu-nbd", "fio", "KILL")]
    [InlineData("nbd-server", "harness", "KILL")]
    [InlineData("nbd-server", "fio", "INT")]
    public void A_runner_that_ends_takes_its_peers_and_their_files_along(string server, string client, string signal)
    {
        Requires.Tool(server);
        Requires.Tool(client == "fio" ? client : server);
        using var runner = Start($"server: {server}\nclient: {client}\nduration: 60s\nrounds: 1\n");
        WaitFor(() => IsLoaded(client), runner);
        Assert.NotEmpty(SharedMemory.FilesOf(runner.Id));
        runner.Signal(signal);
        Assert.NotNull(runner.WaitForExit(s_patience));
        AssertNothingIsLeft();
    }

    [Fact]
    public void A_peer_that_is_not_installed_is_skipped_by_name_and_the_others_run()
    {
        // sh is what tells a server to stop.
        var tools = Directory.CreateDirectory(_folder.File("bin")).FullName;
        File.CreateSymbolicLink(Path.Combine(tools, "sh"), "/bin/sh");
        _environment["PATH"] = tools;
        using var runner = Start("server: [harness, nbdkit]\nclient: [harness, fio]\nduration: 30ms\nwarmup: 10ms\nrounds: 1\n");
        Assert.Equal(0, runner.WaitForExit(s_patience));
        Assert.Contains("skipped backend=epoll,depth=4,rw=read,block=memory:4M,server=nbdkit: nbdkit is not installed (Debian package nbdkit); scripts/setup.sh test installs it\n", runner.Errors);
        Assert.Contains("skipped backend=epoll,depth=4,rw=read,block=memory:4M,client=fio: fio is not installed", runner.Errors);
        Assert.Equal([CellStatus.Skipped, CellStatus.Skipped, CellStatus.Skipped, CellStatus.Ok], RunReader.Read(Folder()).Cells.Select(cell => cell.Status));
    }

    private Child Start(string yaml)
    {
        var matrix = _folder.File("peers.yml");
        File.WriteAllText(matrix, $"backend: epoll\ndepth: 4\nblock: memory:4M\n{yaml}");
        return Start("run", matrix, "--results", _folder.File("results"));
    }

    private Child Start(params string[] arguments)
    {
        var runner = Child.Start(HarnessServer.Program, arguments, _environment);
        _runners.Add(runner.Id);
        return runner;
    }

    private (int Code, string Said) Run(params string[] arguments)
    {
        using var harness = Start(arguments);
        var code = harness.WaitForExit(s_patience);
        return (code ?? -1, harness.Output + harness.Errors);
    }

    private string Folder() => Directory.GetDirectories(_folder.File("results"))
        .SelectMany(Directory.GetDirectories)
        .Single(path => !Path.GetFileName(path).StartsWith('.'));

    // All of it: a daemon has a process for each connection, which goes on without it.
    private void Kill(string program)
    {
        using var kill = System.Diagnostics.Process.Start("/bin/sh", ["-c", $"kill -KILL {string.Join(' ', Processes(program))}"]);
        kill.WaitForExit();
    }

    // The client tells it, which has used more CPU than a start takes. A server may have done so before it serves: nbd-server looks for a prime first.
    private bool IsLoaded(string client) =>
        Processes(client == "harness" ? HarnessServer.Program : client).Any(process => Io.ProcessUsage.CpuUsOf(process) > 1_000_000);

    private static void WaitFor(Func<bool> happened, Child? runner)
    {
        var deadline = DateTime.UtcNow + s_patience;
        while (!happened())
        {
            Assert.True(DateTime.UtcNow < deadline && runner is not { HasExited: true }, $"it did not come to that\n{runner?.Errors}");
            Thread.Sleep(20);
        }
    }

    /// <summary>The processes of a program that this test's runner started: their scratch folder lies in the test's own.</summary>
    private int[] Processes(string program) =>
    [
        .. Directory.GetDirectories("/proc")
            .Select(path => int.TryParse(Path.GetFileName(path), out var id) ? id : 0)
            .Where(id => id > 0 && Read(id, "environ").Contains($"HARNESS_LIFELINE={_folder.Path}/", StringComparison.Ordinal))
            .Where(id => program.Length == 0 || Read(id, "cmdline").StartsWith(program + '\0', StringComparison.Ordinal)),
    ];

    private void AssertNothingIsLeft()
    {
        var deadline = DateTime.UtcNow + TimeSpan.FromSeconds(60);
        while (Processes("") is [_, ..] processes)
        {
            var names = processes.Select(id => Read(id, "cmdline").Replace('\0', ' '));
            Assert.True(DateTime.UtcNow < deadline, $"outlived their runner: {string.Join(", ", names)}");
            Thread.Sleep(50);
        }
        Assert.Empty(Directory.GetFileSystemEntries(_environment["TMPDIR"]!, "harness-cell-*"));
        Assert.Empty(_runners.SelectMany(SharedMemory.FilesOf));
    }

    private static string Read(int process, string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/{file}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
