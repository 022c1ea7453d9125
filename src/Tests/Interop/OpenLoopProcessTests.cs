using System.Text.Json;
using Harness.Matrix;
using HdrHistogram;

namespace Harness.Tests;

/// <summary><c>harness load --rate</c> as a process, against a real server.</summary>
public sealed class OpenLoopProcessTests : IDisposable
{
    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [ClassData(typeof(ClientBackends))]
    public void A_schedule_is_kept_verified_and_costs_no_memory(string backend)
    {
        using var server = HarnessServer.Start(backend);
        string[] mixed = ["--rw", "mix:50", "--connections", "3", "--depth", "16", "--verify"];
        using JsonDocument json = Load(server, backend, ["--rate", "4k", "--arrivals", "poisson", "--ops", "4000", "--warmup", "100ms", .. mixed]);
        JsonElement result = json.RootElement;
        Assert.Equal((4000, 0), (result.GetProperty("ops").GetInt64(), result.GetProperty("errors").GetInt64()));
        Assert.Equal(0, result.GetProperty("unsent").GetInt64());
        Assert.Equal(0, result.GetProperty("client").GetProperty("allocated_bytes_per_op").GetDouble());
        Assert.Equal(0, result.GetProperty("client").GetProperty("gc_count").GetDouble());
        // The schedule of a seed is the same everywhere, however fast the machine.
        Assert.InRange(result.GetProperty("rate_offered").GetDouble(), 3800, 4200);
        Assert.All(Histograms, name => Assert.Equal(4000, result.GetProperty(name).GetProperty("count").GetInt64()));

        double Mean(string name) => result.GetProperty(name).GetProperty("mean").GetDouble();
        Assert.InRange(Mean("service_us") + Mean("send_lag_us"), 0.99 * Mean("latency_us"), 1.01 * Mean("latency_us"));
    }

    [SkippableTheory]
    [InlineData("spin")]
    [InlineData("adaptive")]
    public void Every_wait_mode_keeps_a_constant_schedule(string wait)
    {
        using var server = HarnessServer.Start("epoll");
        using JsonDocument json = Load(server, "epoll", ["--rate", "500", "--duration", "1s", "--wait", wait]);
        JsonElement result = json.RootElement;
        Assert.Equal(500, result.GetProperty("ops").GetInt64() + result.GetProperty("unsent").GetInt64());
        Assert.Equal(500, result.GetProperty("rate_offered").GetDouble(), 9);
    }

    [SkippableFact]
    public void A_saturated_run_says_so_to_people_and_programs()
    {
        using var server = HarnessServer.Start("epoll");
        string[] tooMuch = ["--backend", "epoll", "--rate", "100M", "--depth", "1", "--duration", "200ms", "--warmup", "0s", "--json", _folder.File("j")];
        ToolResult load = Tool.Run(HarnessServer.Program, ["load", server.Uri, .. tooMuch]).Succeeded();
        Assert.Contains("\nsaturated: the server did not keep up", load.Output, StringComparison.Ordinal);
        using var json = JsonDocument.Parse(File.ReadAllText(_folder.File("j")));
        Assert.True(json.RootElement.GetProperty("saturated").GetBoolean());
        Assert.True(json.RootElement.GetProperty("unsent").GetInt64() > 0);
        Assert.True(json.RootElement.GetProperty("rate_achieved").GetDouble() < 0.99 * json.RootElement.GetProperty("rate_offered").GetDouble());
    }

    [SkippableFact]
    public void The_files_of_an_open_loop_are_three_histograms_and_a_closed_loop_has_no_figures_of_a_schedule()
    {
        using var server = HarnessServer.Start("epoll");
        string[] files = ["--hlog", _folder.File("l.hlog"), "--hgrm", _folder.File("l.hgrm"), "--ops", "1000"];
        using (JsonDocument json = Load(server, "epoll", [.. files]))
        {
            string[] absent = ["send_lag_us", "rate_offered", "rate_achieved", "unsent", "saturated"];
            Assert.All(absent, name => Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty(name).ValueKind));
            Assert.Equal(2, Directory.GetFiles(_folder.Path).Length);
        }

        Load(server, "epoll", ["--rate", "10k", .. files]).Dispose();
        foreach (string name in (string[])["l.hlog", "l.service.hlog", "l.lag.hlog"])
        {
            using FileStream stream = File.OpenRead(_folder.File(name));
            Assert.Equal(1000, HistogramLogReader.Read(stream).Sum(interval => interval.TotalCount));
        }

        Assert.All((string[])["l.hgrm", "l.service.hgrm", "l.lag.hgrm"], name => Assert.Contains("#[Mean", File.ReadAllText(_folder.File(name))));
    }

    [SkippableFact]
    public void Hot_sets_several_sizes_and_pauses_cost_no_memory_either()
    {
        using var server = HarnessServer.Start("epoll");
        string[] odd = ["--pattern", "zipf:0.99", "--size", "512:60,4k:30,64k:10", "--rw", "mix:50", "--think-time", "100us", "--depth", "8", "--ops", "5000"];
        using JsonDocument json = Load(server, "epoll", odd);
        Assert.Equal((5000, 0), (json.RootElement.GetProperty("ops").GetInt64(), json.RootElement.GetProperty("errors").GetInt64()));
        Assert.Equal(0, json.RootElement.GetProperty("client").GetProperty("allocated_bytes_per_op").GetDouble());
        double bytes = json.RootElement.GetProperty("bytes_per_second").GetDouble() * json.RootElement.GetProperty("seconds").GetDouble() / 5000;
        Assert.InRange(bytes, 7000, 9200);
    }

    [Fact]
    public void An_open_loop_cell_of_a_matrix_names_its_rate()
    {
        var cell = new Cell(new Dictionary<string, string> { ["backend"] = "epoll", ["rate"] = "4000", ["arrivals"] = "poisson" });
        Assert.Equal("backend=epoll,depth=64,rate=4000,arrivals=poisson,rw=read", cell.Id);
    }

    private static string[] Histograms { get; } = ["latency_us", "service_us", "send_lag_us"];

    private static JsonDocument Load(HarnessServer server, string backend, string[] arguments) =>
        JsonDocument.Parse(Tool.Run(HarnessServer.Program, ["load", server.Uri, "--backend", backend, "--json", "-", .. arguments]).Succeeded().Output);
}
