using System.Text.Json;

namespace Harness.Tests;

/// <summary><c>harness timeline</c> as its user sees it.</summary>
public class TimelineVerbTests
{
    [Theory]
    [InlineData("full")]
    [InlineData("threads")]
    public void It_prints_a_table_and_writes_a_trace_and_a_picture(string duplex)
    {
        using var server = HarnessServer.Start("epoll", "unix", "memory:16M");
        using var folder = new TempDir();
        string prefix = folder.File("t");
        (int code, string output, string error) = VerbConsole.Invoke(
            "timeline", server.Uri, "--backend", "epoll", "--size", "64k", "--ops", "300", "--warmup", "10ms", "--duplex", duplex, "--out", prefix);
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("300 operations in ", output, StringComparison.Ordinal);
        Assert.Contains("the server to answer", output, StringComparison.Ordinal);
        Assert.Contains($"{prefix}.svg", output, StringComparison.Ordinal);
        using JsonDocument trace = JsonDocument.Parse(File.ReadAllText(prefix + ".json"));
        Assert.Equal(300, trace.RootElement.GetProperty("traceEvents").EnumerateArray().Count(one => one.GetProperty("ph").GetString() == "s"));
        Assert.StartsWith("<svg ", File.ReadAllText(prefix + ".svg"), StringComparison.Ordinal);
    }

    [Fact]
    public void Json_has_the_table()
    {
        using var server = HarnessServer.Start("epoll", "unix", "memory:16M");
        (int code, string output, _) = VerbConsole.Invoke(
            "timeline", server.Uri, "--backend", "epoll", "--rw", "read", "--ops", "100", "--warmup", "10ms", "--half-duplex", "--json", "-");
        Assert.Equal(0, code);
        using JsonDocument document = JsonDocument.Parse(output);
        Assert.Equal(100, document.RootElement.GetProperty("ops").GetInt64());
        Assert.Equal("half", document.RootElement.GetProperty("duplex").GetString());
        Assert.Contains(document.RootElement.GetProperty("states").EnumerateArray(), state => state.GetProperty("state").GetString() == "ReplyHeader");
    }

    [Theory]
    [InlineData("--window is about the picture; give --out PREFIX too", "--window", "1ms")]
    [InlineData("--ops", "--ops", "0")]
    [InlineData("did you mean 'half'?", "--duplex", "hlaf")]
    [InlineData("--half-duplex is --duplex half, and --duplex says threads", "--duplex", "threads", "--half-duplex")]
    public void A_mistake_is_named(string words, params string[] arguments)
    {
        (int code, string output, string error) = VerbConsole.Invoke(["timeline", "nbd://localhost:1", .. arguments]);
        Assert.Equal(((int)ExitCode.Usage, ""), (code, output));
        Assert.Contains(words, error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd().Split('\n'));
    }
}
