using System.Text.Json;

namespace Harness.Tests;

/// <summary>libnbd's own programs as clients of our server: what it says about itself, and bulk data in and out.</summary>
public class LibnbdToolsTests
{
    [SkippableTheory]
    [MemberData(nameof(ServerCases.BackendsAndTransports), MemberType = typeof(ServerCases))]
    public void Nbdinfo_sees_one_export_of_the_right_size_that_can_all_we_say(string backend, string transport)
    {
        var nbdinfo = Requires.Tool("nbdinfo");
        using var server = HarnessServer.Start(backend, transport);

        using var answer = JsonDocument.Parse(Tool.Run(nbdinfo, "--json", server.Uri).Succeeded().Output);

        Assert.Equal("newstyle-fixed", answer.RootElement.GetProperty("protocol").GetString());
        var export = Assert.Single(answer.RootElement.GetProperty("exports").EnumerateArray());
        Assert.Equal(256 << 20, export.GetProperty("export-size").GetInt64());
        Assert.False(export.GetProperty("is_read_only").GetBoolean());
        foreach (var ability in new[] { "can_flush", "can_fua", "can_trim", "can_zero", "can_multi_conn" })
        {
            Assert.True(export.GetProperty(ability).GetBoolean(), ability);
        }
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.BackendsAndTransports), MemberType = typeof(ServerCases))]
    public void Nbdinfo_lists_the_default_export(string backend, string transport)
    {
        var nbdinfo = Requires.Tool("nbdinfo");
        using var server = HarnessServer.Start(backend, transport);

        using var answer = JsonDocument.Parse(Tool.Run(nbdinfo, "--list", "--json", server.Uri).Succeeded().Output);

        var export = Assert.Single(answer.RootElement.GetProperty("exports").EnumerateArray());
        Assert.Equal("", export.GetProperty("export-name").GetString());
        Assert.Equal(256 << 20, export.GetProperty("export-size").GetInt64());
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.BackendsAndTransports), MemberType = typeof(ServerCases))]
    public void Nbdcopy_brings_a_random_file_in_and_out_unchanged(string backend, string transport)
    {
        var nbdcopy = Requires.Tool("nbdcopy");
        var megabytes = TestScale.Pick(brief: 16, full: 256);
        using var folder = new TempDir();
        var (sent, received) = (folder.File("sent"), folder.File("received"));
        RandomFile.Write(sent, (long)megabytes << 20, seed: 20);
        using var server = HarnessServer.Start(backend, transport, $"memory:{megabytes}M");

        Tool.Run(nbdcopy, "--connections=4", "--requests=64", sent, server.Uri).Succeeded();
        Tool.Run(nbdcopy, "--connections=4", "--requests=64", server.Uri, received).Succeeded();

        RandomFile.AssertSame(sent, received);
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.BackendsAndTransports), MemberType = typeof(ServerCases))]
    public void Nbdcopy_fills_a_file_store_with_what_the_file_then_holds(string backend, string transport)
    {
        var nbdcopy = Requires.Tool("nbdcopy");
        const long Bytes = 8 << 20;
        using var folder = new TempDir();
        var (sent, store) = (folder.File("sent"), folder.File("store"));
        RandomFile.Write(sent, Bytes, seed: 21);
        using (var file = File.Create(store))
        {
            file.SetLength(Bytes);
        }

        using (var server = HarnessServer.Start(backend, transport, $"file:{store}"))
        {
            Tool.Run(nbdcopy, "--connections=4", "--requests=64", "--flush", sent, server.Uri).Succeeded();
        }

        RandomFile.AssertSame(sent, store);
    }
}
