using static Harness.Tests.RawNbd;

namespace Harness.Tests;

/// <summary>Thread models of a real server with two loops.</summary>
public sealed class ThreadModelProcessTests
{
    [SkippableTheory]
    [InlineData("serialize-requests")]
    [InlineData("serialize-all-requests")]
    public void Verified_load_in_turns(string model)
    {
        using HarnessServer server = HarnessServer.Start("epoll", block: "delay:write=10us/memory:16M", more: ["--loops", "2", "--thread-model", model]);
        string[] load = ["load", server.Uri, "--rw", "mix:50", "--connections", "5", "--depth", "16", "--ops", TestScale.Pick("5000", "200000"), "--verify"];
        Tool.Run(HarnessServer.Program, load).Succeeded();
        Assert.Contains($"export '': thread model {model}, as --thread-model says", server.Errors, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task The_second_client_waits_until_the_first_has_gone()
    {
        string qemuIo = Requires.Tool("qemu-io");
        using HarnessServer server = HarnessServer.Start("epoll", block: "noparallel:serialize=connections/memory:1M", more: ["--loops", "2"]);
        Task<ToolResult> second;
        using (var first = new RawNbd(server))
        {
            first.Send(Be(FixedNewstyle | NoZeroes), Option(Go, InfoData(string.Empty)));
            first.Send(Request(Write, 1, 4096, 512), [.. Enumerable.Repeat((byte)0xab, 512)]);
            second = Task.Run(() => Tool.Run(qemuIo, "-f", "raw", "-c", "read -P 0xab 4096 512", server.Uri));
            for (int i = 0; i < 3000 && !server.Errors.Contains("waits for the client before it", StringComparison.Ordinal); i++)
            {
                await Task.Delay(10);
            }

            Assert.Contains("waits for the client before it to leave export ''", server.Errors, StringComparison.Ordinal);
            Assert.False(second.IsCompleted);
        }

        ToolResult read = (await second).Succeeded();
        Assert.DoesNotContain("failed", read.Output, StringComparison.OrdinalIgnoreCase);
    }
}
