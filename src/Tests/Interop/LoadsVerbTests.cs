using System.Text.Json;
using Harness.Results;

namespace Harness.Tests.Interop;

/// <summary><c>harness loads</c>, with which a guest measures several cells without starting a program for each.</summary>
public sealed class LoadsVerbTests : IDisposable
{
    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public void Each_line_is_a_load_of_its_own_and_is_answered_by_its_exit_code()
    {
        Skip.If(HarnessServer.IsForeign, "asks our server for its counters");
        string control = _folder.File("control");
        using HarnessServer server = HarnessServer.Start("epoll", block: "memory:1M", more: ["--control", control]);
        string Ask(int window, string options) =>
            $"{window} {server.Uri} --backend epoll {options} --server-control {control} --json {_folder.File($"{window}.json")}";
        File.WriteAllLines(_folder.File("asks"),
        [
            Ask(0, "--ops 500 --depth 1"),
            Ask(1, "--ops 500 --depth 1 --no-such-option 1"),
            "2 nbd+unix:///?socket=/nowhere --ops 1",
            Ask(3, "--ops 700 --depth 4 --rw write"),
            Ask(4, "--ops 500 --depth 1"),
        ]);
        ToolResult result = Tool.Run("sh", "-c", $"'{HarnessServer.Program}' loads <'{_folder.File("asks")}'").Succeeded();
        Assert.Equal("0\n2\n1\n0\n0\n", result.Output);
        string[] errors = result.Errors.TrimEnd('\n').Split('\n');
        Assert.Equal(2, errors.Length);
        Assert.Contains("--no-such-option", errors[0]);
        Assert.Contains("/nowhere", errors[1]);

        Assert.Equal([500, 700, 500], [Load(0).Ops, Load(3).Ops, Load(4).Ops]);
        // What came before is in none of them: the same load costs the same calls.
        Assert.Equal(Load(0).Client.SyscallsPerOp, Load(4).Client.SyscallsPerOp);
        Assert.Equal(Load(0).Server!.BytesSentPerOp, Load(4).Server!.BytesSentPerOp);
    }

    [Fact]
    public void It_is_no_verb_for_people()
    {
        Assert.DoesNotContain("loads", VerbConsole.Invoke("--help").Output);
        Assert.DoesNotContain("loads", VerbConsole.Invoke().Error);
    }

    private LoadResult Load(int window) => JsonSerializer.Deserialize(File.ReadAllText(_folder.File($"{window}.json")), ResultsJson.Document.LoadResult)!;
}
