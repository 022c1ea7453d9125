using System.Text.Json;
using Harness.Io;

namespace Harness.Tests;

/// <summary>Our client on each backend against other people's servers, with the data verified where it is known.</summary>
public class ForeignServersTests
{
    private const string Size = "64M";

    private static string Ops => TestScale.Pick("5000", "500000");

    [SkippableTheory]
    [ClassData(typeof(ClientBackends))]
    public void Nbdkit_memory_keeps_what_was_written(string backend)
    {
        using var server = ForeignServer.OnSocket("nbdkit", socket => ["-f", "-U", socket, "memory", Size]);
        Verify(server.Uri, backend, "--rw", "mix:50", "--depth", "64", "--connections", "4", "--verify");
        Verify(server.Uri, backend, "--rw", "mix:50", "--depth", "4", "--size", "512k", "--ops", "500", "--verify");
    }

    [SkippableTheory]
    [ClassData(typeof(ClientBackends))]
    public void Nbdkit_pattern_reads_as_its_offsets(string backend)
    {
        using var server = ForeignServer.OnSocket("nbdkit", socket => ["-f", "-U", socket, "pattern", Size]);
        Verify(server.Uri, backend, "--verify", "pattern", "--depth", "64");
        Verify(server.Uri, backend, "--verify", "pattern", "--depth", "8", "--size", "1M", "--ops", "200", "--pattern", "sequential");
    }

    [SkippableTheory]
    [ClassData(typeof(ClientBackends))]
    public void Nbdkit_without_structured_replies_and_with_an_old_handshake_flag_set(string backend)
    {
        using var server = ForeignServer.OnSocket("nbdkit", socket => ["-f", "--no-sr", "--mask-handshake=0", "-U", socket, "pattern", Size]);
        Verify(server.Uri, backend, "--verify", "pattern");
    }

    [SkippableTheory]
    [ClassData(typeof(ClientBackends))]
    public void Qemu_nbd_keeps_what_was_written(string backend)
    {
        using var folder = new TempDir();
        string disk = EmptyDisk(folder);
        using var server = ForeignServer.OnSocket("qemu-nbd", socket => ["-t", "-e", "16", "-f", "raw", "-k", socket, disk]);
        Verify(server.Uri, backend, "--rw", "mix:50", "--depth", "64", "--verify");
    }

    [SkippableTheory]
    [ClassData(typeof(ClientBackends))]
    public void Nbd_server_keeps_what_was_written_over_tcp(string backend)
    {
        using var folder = new TempDir();
        string disk = EmptyDisk(folder);
        int port = ForeignServer.FreePort();
        string config = folder.File("config");
        File.WriteAllText(config, $"[generic]\nport = {port}\nlistenaddr = 127.0.0.1\n[disk]\nexportname = {disk}\n");
        using var server = ForeignServer.OnPort("nbd-server", port, "disk", ["-d", "-C", config]);
        Verify(server.Uri, backend, "--rw", "mix:50", "--depth", "16", "--verify");
    }

    [SkippableTheory]
    [ClassData(typeof(ClientBackends))]
    public void Nbdkit_over_ipv6(string backend)
    {
        int port = ForeignServer.FreePort();
        using var server = ForeignServer.OnPort("nbdkit", port, "", ["-f", "-i", "::1", "-p", $"{port}", "pattern", Size], "[::1]");
        Verify(server.Uri, backend, "--verify", "pattern");
    }

    [SkippableFact]
    public void Wrong_data_in_a_pattern_is_told()
    {
        using var server = ForeignServer.OnSocket("nbdkit", socket => ["-f", "-U", socket, "memory", Size]);
        ToolResult load = Tool.Run(HarnessServer.Program, "load", server.Uri, "--verify", "pattern", "--ops", "10");
        Assert.True(load.ExitCode == 1, load.ToString());
        Assert.Contains("zeroes", load.Errors, StringComparison.Ordinal);
        Tool.Run(HarnessServer.Program, "load", server.Uri, "--verify", "zeroes", "--ops", "10").Succeeded();
    }

    [SkippableFact]
    public void An_export_that_is_not_there_is_told_in_one_line()
    {
        using var server = ForeignServer.OnSocket("nbdkit", socket =>
            ["-f", "-U", socket, "--filter=exportname", "memory", Size, "exportname-strict=true", "exportname=disk"]);
        ToolResult load = Tool.Run(HarnessServer.Program, "load", server.Uri.Replace("///", "///nope", StringComparison.Ordinal), "--ops", "10");
        Assert.True(load.ExitCode == 1, load.ToString());
        Assert.Contains("the export 'nope'", load.Errors, StringComparison.Ordinal);
        Assert.Single(load.Errors.Trim().Split('\n'));
    }

    [SkippableFact]
    public void An_oldstyle_server_is_refused_in_one_line()
    {
        using var server = ForeignServer.OnSocket("nbdkit", socket => ["-f", "-o", "-U", socket, "memory", Size]);
        ToolResult load = Tool.Run(HarnessServer.Program, "load", server.Uri, "--ops", "10");
        Assert.True(load.ExitCode == 1, load.ToString());
        Assert.Contains("oldstyle", load.Errors, StringComparison.Ordinal);
        Assert.Single(load.Errors.Trim().Split('\n'));
    }

    [SkippableFact]
    public void Errors_of_the_server_are_counted_and_told()
    {
        using var server = ForeignServer.OnSocket("nbdkit", socket =>
            ["-f", "-U", socket, "--filter=error", "memory", Size, "error=ENOSPC", "error-pwrite-rate=100%"]);
        ToolResult load = Tool.Run(HarnessServer.Program, "load", server.Uri, "--rw", "write", "--ops", "100", "--json", "-");
        Assert.True(load.ExitCode == 1, load.ToString());
        using var json = JsonDocument.Parse(load.Output);
        Assert.Equal(0, json.RootElement.GetProperty("ops").GetInt64());
        Assert.Equal(110, json.RootElement.GetProperty("errors").GetInt64());
        Assert.Contains("ENOSPC", json.RootElement.GetProperty("first_error").GetString(), StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("latency_us").ValueKind);
    }

    [SkippableTheory]
    [ClassData(typeof(ClientBackends))]
    public void A_request_timeout_ends_slow_requests_once_each(string backend)
    {
        using var server = ForeignServer.OnSocket("nbdkit", socket => ["-f", "-U", socket, "--filter=delay", "memory", Size, "rdelay=400ms"]);
        string[] slow = ["--ops", "10", "--depth", "5", "--request-timeout", "50ms", "--json", "-"];
        ToolResult load = Tool.Run(HarnessServer.Program, ["load", server.Uri, "--backend", backend, .. slow]);
        Assert.True(load.ExitCode == 1, load.ToString());
        using var json = JsonDocument.Parse(load.Output);
        Assert.Equal(11, json.RootElement.GetProperty("errors").GetInt64());
        Assert.Contains("ETIMEDOUT", json.RootElement.GetProperty("first_error").GetString(), StringComparison.Ordinal);
    }

    [SkippableTheory]
    [ClassData(typeof(ClientBackends))]
    public void A_killed_server_is_told_in_one_line(string backend)
    {
        using var server = ForeignServer.OnSocket("nbdkit", socket => ["-f", "-U", socket, "memory", Size]);
        using Child load = Child.Start(HarnessServer.Program, ["load", server.Uri, "--backend", backend, "--duration", "60s", "--connections", "3"]);
        server.KillOnceBusy();
        Assert.Equal(1, load.WaitForExit(TimeSpan.FromSeconds(30)));
        Assert.Single(load.Errors.Trim().Split('\n'));
        Assert.Contains(server.SocketPath!, load.Errors, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void Measured_operations_are_exactly_those_asked_for_and_cost_no_memory()
    {
        using var server = ForeignServer.OnSocket("nbdkit", socket => ["-f", "-U", socket, "memory", Size]);
        ToolResult load = Tool.Run(HarnessServer.Program, "load", server.Uri, "--ops", "20000", "--connections", "3", "--json", "-").Succeeded();
        using var json = JsonDocument.Parse(load.Output);
        Assert.Equal(20_000, json.RootElement.GetProperty("ops").GetInt64());
        Assert.Equal(20_000, json.RootElement.GetProperty("latency_us").GetProperty("count").GetInt64());
        Assert.Equal(20_000, json.RootElement.GetProperty("service_us").GetProperty("count").GetInt64());
        Assert.Equal(0, json.RootElement.GetProperty("client").GetProperty("allocated_bytes_per_op").GetDouble());
        Assert.Equal(0, json.RootElement.GetProperty("client").GetProperty("gc_count").GetInt64());
    }

    private static string EmptyDisk(TempDir folder)
    {
        string disk = folder.File("disk");
        using FileStream file = File.Create(disk);
        file.SetLength(64 << 20);
        return disk;
    }

    private static void Verify(string uri, string backend, params string[] more)
    {
        string[] ops = more.Contains("--ops") ? [] : ["--ops", Ops];
        ToolResult load = Tool.Run(HarnessServer.Program, ["load", uri, "--backend", backend, .. ops, .. more]).Succeeded();
        Assert.Contains(", 0 errors", load.Output, StringComparison.Ordinal);
        Assert.Contains("all right", load.Output, StringComparison.Ordinal);
    }
}
