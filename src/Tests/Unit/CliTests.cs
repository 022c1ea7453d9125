using Harness.Cli;
using Harness.Load;
using Harness.Serve;

namespace Harness.Tests.Unit;

public sealed class CliTests : IDisposable
{
    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("", "harness: which verb? serve, load, run, report, compare, self-check, probe, events, timeline, copy, blocks, ctl, kernels, rung (harness --help explains)")]
    [InlineData("serv", "harness: unknown verb 'serv'; did you mean 'serve'? legal: serve, load, run, report, compare, self-check, probe, events, timeline, copy, blocks, ctl, kernels, rung (harness --help explains)")]
    [InlineData("--verbos", "harness: unknown option '--verbos' (harness --help explains)")]
    [InlineData("load --bakend uring nbd://x", "harness load: unknown option '--bakend'; did you mean '--backend'? (harness load --help explains)")]
    [InlineData("load --bakend=uring nbd://x", "harness load: unknown option '--bakend'; did you mean '--backend'? (harness load --help explains)")]
    [InlineData("load nbd://x --backend urng", "harness load: --backend: unknown backend 'urng'; did you mean 'uring'? legal: poll, epoll, uring-poll, uring, uring-epoll (harness load --help explains)")]
    [InlineData("load", "harness load: URI is missing: the server, like nbd://localhost or nbd+unix:///?socket=/tmp/s (harness load --help explains)")]
    [InlineData("load nbd://x nbd://y", "harness load: unexpected 'nbd://y' (harness load --help explains)")]
    [InlineData("load nbd://x --size 4x", "harness load: --size: unknown unit 'x' in size '4x'; the units are k, M, G and T (harness load --help explains)")]
    [InlineData("load nbd://x --duration 3", "harness load: --duration: time '3' has no unit; write 3us, 3ms or 3s (harness load --help explains)")]
    [InlineData("load nbd://x --size 4k:70,8k:20", "harness load: --size: '4k:70,8k:20': the shares add up to 90 %, not to 100 (harness load --help explains)")]
    [InlineData("load nbd://x --pattern zipf:x", "harness load: --pattern: 'zipf:x': theta is a number above 0 and at most 5, as in zipf:0.99 (harness load --help explains)")]
    [InlineData("load nbd://x --pattern zip", "harness load: --pattern: unknown pattern 'zip'; legal: random, sequential, zipf:THETA (harness load --help explains)")]
    [InlineData("load nbd://x --rate 1k --think-time 1ms", "harness: --think-time is the pause of a closed loop, and --rate makes an open one; leave one of them away")]
    [InlineData("load nbd://x --verify --size 4k:70,8k:30", "harness: --verify knows what a block of one size holds; give one --size")]
    [InlineData("load nbd://x --rate 0", "harness load: --rate: '0' is not a rate; write operations per second, like 500, 20k or 1M, at most 1000000000 (harness load --help explains)")]
    [InlineData("load nbd://x --rate 1k --arrivals normal", "harness load: --arrivals: unknown arrivals 'normal'; legal: constant, poisson (harness load --help explains)")]
    [InlineData("load nbd://x --arrivals poisson", "harness: --arrivals says how the times of an open loop are drawn; give --rate OPS_PER_SECOND too")]
    [InlineData("load nbd://x --rw mix:x", "harness load: --rw: 'mix:x': the share of reads is a whole number from 0 to 100, as in mix:70 (harness load --help explains)")]
    [InlineData("load nbd://x --duration 1s --ops 5", "harness load: --duration and --ops exclude each other: one ends the measured part by time, the other by count (harness load --help explains)")]
    [InlineData("load nbd://x --hlog-interval 20ms", "harness load: --hlog-interval is the length of the intervals of a log; give --hlog FILE too (harness load --help explains)")]
    [InlineData("load nbd://x --hlog l --hlog-interval 50us", "harness load: --hlog-interval: '50us' is not a whole number of milliseconds (harness load --help explains)")]
    [InlineData("load nbd://x --verify=versionz", "harness load: --verify: unknown mode 'versionz'; did you mean 'versions'? legal: versions, pattern, zeroes (harness load --help explains)")]
    [InlineData("load nbd://x --depth", "harness load: --depth needs a value: requests in flight per connection; with --rate the most there may be (harness load --help explains)")]
    [InlineData("serve --loops 0", "harness serve: --loops: '0' is not a whole number from 1 to 1024 (harness serve --help explains)")]
    [InlineData("run --rounds many", "harness run: --rounds: 'many' is not a whole number from 1 to 1000 (harness run --help explains)")]
    [InlineData("run bench/none.yml", "harness: cannot read the matrix 'bench/none.yml': there is no such file; the matrices are in bench/")]
    [InlineData("report results/none", "harness: 'results/none' does not exist; give a folder that harness run wrote, like results/<machine>/<date>-<matrix>-<commit>")]
    [InlineData("report", "harness report: RUN is missing: a folder that harness run wrote (harness report --help explains)")]
    public void A_usage_error_is_one_line_on_stderr_and_exit_code_2(string commandLine, string line)
    {
        var (code, output, error) = Invoke(commandLine);
        Assert.Equal(line + "\n", error);
        Assert.Empty(output);
        Assert.Equal(2, code);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("serve --help")]
    [InlineData("load -h")]
    public void Help_ends_with_units_and_exit_codes(string commandLine)
    {
        var (code, output, error) = Invoke(commandLine);
        Assert.Equal(0, code);
        Assert.Empty(error);
        Assert.EndsWith("Exit codes: 0 done · 1 failed · 2 bad usage · 3 a regression was found · 4 the machine is unfit under --strict · 77 nothing could run here.\n", output);
        Assert.DoesNotContain("--brief", output);
    }

    [Fact]
    public void A_results_folder_that_cannot_be_written_fails_before_anything_runs()
    {
        File.WriteAllText(_folder.File("file"), "");
        var (code, output, error) = Invoke($"run --brief --results {_folder.Path}/file");
        Assert.Equal(1, code);
        Assert.Empty(output);
        Assert.Matches(@"^harness: cannot create the results folder '.*; choose another place with --results DIR\n$", error);
    }

    [Fact]
    public void Load_options_are_what_was_written()
    {
        var options = LoadVerb.Parse(LoadVerb.Create().Parse(
            "nbd://h/x --rw mix:30 --pattern sequential --size 1M --depth 7 --connections 3 --ops 1000 --rate 20k --arrivals poisson --warmup 0s --backend poll --wait spin --seed 9 --verify=zeroes --request-timeout 2s --json - --hgrm a --hlog b --server-control c"));
        Assert.Equal(
            new LoadOptions
            {
                Uri = "nbd://h/x",
                ReadPercent = 30,
                Pattern = AccessPattern.Sequential,
                RequestBytes = 1 << 20,
                Depth = 7,
                Connections = 3,
                Ops = 1000,
                Rate = 20_000,
                Arrivals = ArrivalProcess.Poisson,
                Warmup = TimeSpan.Zero,
                Backend = "poll",
                Wait = "spin",
                Seed = 9,
                Verify = VerifyMode.Zeroes,
                RequestTimeout = TimeSpan.FromSeconds(2),
                Json = "-",
                Hgrm = "a",
                Hlog = "b",
                ServerControl = "c",
            },
            options);
    }

    [Fact]
    public void Load_takes_hot_sets_sizes_and_pauses()
    {
        var options = LoadVerb.Parse(LoadVerb.Create().Parse("nbd://h --pattern zipf:0.99 --size 4k:70,64k:30 --think-time 1ms --backend epoll"));
        Assert.Equal((AccessPattern.Zipf, 0.99, TimeSpan.FromMilliseconds(1)), (options.Pattern, options.ZipfTheta, options.ThinkTime));
        Assert.Equal(65_536, options.RequestBytes);
        Assert.Equal([4096, 65_536], options.Sizes!.Bytes);
    }

    [Fact]
    public void Load_defaults_are_those_of_the_record()
    {
        var options = LoadVerb.Parse(LoadVerb.Create().Parse("nbd://h --backend epoll"));
        Assert.Equal(new LoadOptions { Uri = "nbd://h", Backend = "epoll", Wait = "block" }, options);
        Assert.Equal(VerifyMode.Versions, LoadVerb.Parse(LoadVerb.Create().Parse("nbd://h --verify")).Verify);
    }

    [Fact]
    public void Serve_options_are_what_was_written()
    {
        var options = ServeVerb.Parse(ServeVerb.Create().Parse(
            "--block null:1G --listen nbd://a --listen nbd://b --read-only --backend epoll --wait adaptive --gather 40us --loops 2 --max-connections 5 --max-in-flight 6 --max-bytes 1M --control s --export e --replies structured"));
        Assert.Equal(["nbd://a", "nbd://b"], options.Listen);
        Assert.Equal(
            new ServeOptions
            {
                Block = "null:1G",
                Listen = options.Listen,
                ListenAsked = true,
                Exports = options.Exports,
                Nodes = options.Nodes,
                Replies = Nbd.ReplyForm.Structured,
                ReadOnly = true,
                Backend = "epoll",
                Wait = "adaptive",
                Gather = TimeSpan.FromMicroseconds(40),
                Loops = 2,
                MaxConnections = 5,
                MaxInFlight = 6,
                MaxBytes = 1 << 20,
                Control = "s",
            },
            options);
        Assert.Equal([new ExportOption("e", null, null)], options.Exports);
        var defaults = ServeVerb.Parse(ServeVerb.Create().Parse("--backend poll"));
        Assert.Equal(["nbd://localhost:10809"], defaults.Listen);
        Assert.Equal((100, null, false, Nbd.ReplyForm.Extended), (defaults.MaxConnections, defaults.Block, defaults.ReadOnly, defaults.Replies));
        Assert.Empty(defaults.Exports);
    }

    [Fact]
    public void Probe_prints_facts_and_its_json_is_one_object()
    {
        var (code, output, _) = Invoke("probe");
        Assert.Equal(0, code);
        Assert.Contains("epoll           runs here\n", output);
        using var json = System.Text.Json.JsonDocument.Parse(Invoke("probe --json -").Output);
        Assert.Equal(5, json.RootElement.GetProperty("backends").GetArrayLength());
        Assert.All(json.RootElement.GetProperty("stalls").EnumerateArray(), stalls => Assert.InRange(stalls.GetProperty("seconds").GetDouble(), 0.1, 60));
        Assert.False(string.IsNullOrEmpty(json.RootElement.GetProperty("environment").GetProperty("kernel_release").GetString()));
        Assert.All(json.RootElement.GetProperty("behaviours").EnumerateArray(), row =>
        {
            Assert.Equal(["name", "expected", "seen", "verdict", "meaning"], row.EnumerateObject().Select(member => member.Name));
            Assert.Contains(row.GetProperty("verdict").GetString(), new[] { "as_expected", "differs", "skipped" });
        });
    }

    private static (int Code, string Output, string Error) Invoke(string commandLine)
    {
        var (output, error) = (Console.Out, Console.Error);
        using var capturedOutput = new StringWriter { NewLine = "\n" };
        using var capturedError = new StringWriter { NewLine = "\n" };
        Console.SetOut(capturedOutput);
        Console.SetError(capturedError);
        try
        {
            var code = Program.Main(commandLine.Split(' ', StringSplitOptions.RemoveEmptyEntries));
            return (code, capturedOutput.ToString(), capturedError.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
    }
}
