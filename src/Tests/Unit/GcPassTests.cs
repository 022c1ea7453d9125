using Harness.Matrix;
using Harness.Results;
using Harness.Run;
using Harness.Trace;

namespace Harness.Tests.Unit;

/// <summary>The traced pass of a whole run, against a shell script that stands for the program and a scripted tracer.</summary>
public sealed class GcPassTests : IDisposable
{
    private const string Serves = "echo \"ready $5\"; trap 'exit 0' TERM; while :; do sleep 0.02; done";
    private const string Says = """
        {"ops":10,"errors":0,"started_monotonic_ns":5000,"seconds":1,"iops":10,"bytes_per_second":4096,"backend":"epoll","wait":"block","client":{"gc_count":4}}
        """;
    private const int Cells = 2;
    private const int Rounds = 2;

    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_rounds_are_over_before_anything_is_traced_and_the_pass_leaves_their_records_alone()
    {
        var tracers = new List<ScriptedTracer>();
        string? atFirst = null;
        var (outcome, folder) = Run(gcPass: true, tracers, onAttach: () => atFirst ??= Records());
        Assert.Equal((Cells * Rounds, 0, ExitCode.Done), (outcome.Ok, outcome.Untraced, outcome.ExitCode));
        Assert.Equal(Cells, tracers.Count);
        Assert.All(tracers, tracer => Assert.Equal(["server", "client"], tracer.Attached));
        Assert.All(tracers, tracer => Assert.Equal((5000L, 1_000_005_000L), tracer.Window));
        // Both rounds of both cells were complete when the first process was traced, and nothing was added.
        Assert.Equal(Cells * Rounds, atFirst!.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Equal(atFirst, Records());
        Assert.Equal(["poll", "epoll"], RunReader.Read(folder).WithGc().Gc.Select(cell => cell.Record.Cell.Split(',')[0]["backend=".Length..]).OrderDescending());
    }

    [Fact]
    public void A_share_of_the_saturated_rate_is_traced_at_the_rate_that_the_rounds_had()
    {
        var tracers = new List<ScriptedTracer>();
        var (outcome, folder) = Run(gcPass: true, tracers, rate: "50%");
        Assert.Equal((Cells * Rounds, 0, Cells), (outcome.Ok, outcome.Untraced, tracers.Count));
        Assert.All(RunReader.Read(folder).WithGc().Gc, cell => Assert.Contains("rate=50%", cell.Record.Cell));
    }

    [Fact]
    public void Without_the_pass_nothing_is_traced()
    {
        var tracers = new List<ScriptedTracer>();
        var (outcome, folder) = Run(gcPass: false, tracers);
        Assert.Equal(Cells * Rounds, outcome.Ok);
        Assert.Empty(tracers);
        Assert.False(Directory.Exists(Path.Combine(folder, "gc")));
    }

    [Fact]
    public void What_the_pass_found_is_in_no_figure()
    {
        var (_, folder) = Run(gcPass: false, []);
        var before = RunReader.Read(folder).Cells.Count;
        File.WriteAllText(Directory.CreateDirectory(Path.Combine(folder, "gc")).FullName + "/x.json", "garbage");
        var data = RunReader.Read(folder);
        Assert.Equal((before, 0, 0), (data.Cells.Count, data.Problems.Count, data.Gc.Count));
        Assert.Equal("gc/x.json: damaged, left out (the file was cut short or edited)", Assert.Single(data.WithGc().Problems));
    }

    [Fact]
    public void A_process_that_dies_while_it_is_traced_is_one_line_and_costs_no_round()
    {
        var said = new StringWriter { NewLine = "\n" };
        var (outcome, folder) = Run(gcPass: true, [], said: said, dies: "poll");
        Assert.Equal((Cells * Rounds, 0, 1, ExitCode.Failed), (outcome.Ok, outcome.Failed, outcome.Untraced, outcome.ExitCode));
        Assert.Contains("not traced backend=poll,depth=64,rw=read: the load generator was killed by signal 9", said.ToString());
        var data = RunReader.Read(folder).WithGc();
        Assert.Equal((RunStatus.Complete, Cells * Rounds, 0), (data.Run.Status, data.Cells.Count, data.Problems.Count));
        Assert.Equal([CellStatus.Ok, CellStatus.Failed], data.Gc.Select(cell => cell.Record.Status));

        // Resumed, it is tried again; what is traced is not.
        var tracers = new List<ScriptedTracer>();
        (outcome, _) = Resume(folder, tracers);
        Assert.Equal((0, ExitCode.Done), (outcome.Untraced, outcome.ExitCode));
        Assert.Single(tracers);
        Assert.All(RunReader.Read(folder).WithGc().Gc, cell => Assert.Equal(CellStatus.Ok, cell.Record.Status));
    }

    [Fact]
    public void Interrupted_in_the_pass_the_folder_is_valid_and_resuming_does_the_rest()
    {
        using var stop = new CancellationTokenSource();
        var tracers = new List<ScriptedTracer>();
        var (outcome, folder) = Run(gcPass: true, tracers, onAttach: () =>
        {
            if (tracers.Count == 2)
            {
                stop.Cancel();
            }
        }, stop: stop.Token);
        Assert.Equal((Cells * Rounds, true, ExitCode.Failed), (outcome.Ok, outcome.Interrupted, outcome.ExitCode));
        var data = RunReader.Read(folder).WithGc();
        Assert.Equal((RunStatus.Interrupted, Cells * Rounds, 1, 0), (data.Run.Status, data.Cells.Count, data.Gc.Count, data.Problems.Count));

        tracers.Clear();
        (outcome, _) = Resume(folder, tracers);
        Assert.Equal(ExitCode.Done, outcome.ExitCode);
        Assert.Single(tracers);
        data = RunReader.Read(folder).WithGc();
        Assert.Equal((RunStatus.Complete, Cells * Rounds, Cells), (data.Run.Status, data.Cells.Count, data.Gc.Count));
    }

    [Fact]
    public void A_complete_run_gets_a_pass_by_being_resumed_with_one()
    {
        var (_, folder) = Run(gcPass: false, []);
        var tracers = new List<ScriptedTracer>();
        Resume(folder, tracers, gcPass: true);
        Assert.Equal(Cells, tracers.Count);
        Assert.True(RunReader.Read(folder).Run.GcPass);
        Assert.Equal(Cells, RunReader.Read(folder).WithGc().Gc.Count);
    }

    [Theory]
    [InlineData("cannot be traced: no permission")]
    public void A_trace_that_cannot_be_opened_is_the_cells_reason(string why)
    {
        var (outcome, folder) = Run(gcPass: true, [], onAttach: () => throw new HarnessException(ExitCode.Failed, why));
        Assert.Equal(Cells, outcome.Untraced);
        Assert.All(RunReader.Read(folder).WithGc().Gc, cell => Assert.Equal(why, cell.Record.Reason));
    }

    [Fact]
    public void Files_that_were_edited_are_left_out_by_name_and_the_rest_is_shown()
    {
        var files = new GcFiles(_folder.Path);
        string[] backends = ["poll", "epoll", "uring-poll", "uring"];
        var log = ResultsSamples.Hlog(_folder.Path, "log", 1, 100);
        foreach (var backend in backends)
        {
            files.Write(GcSamples.Record(ResultsSamples.Cell(backend, "read")), log);
        }
        Edit("poll", text => text[..(text.Length / 2)]);
        Edit("uring-poll", text => text.Replace("\"schema\": 1", "\"schema\": 2"));
        Edit("uring", text => text.Replace("\"start_seconds\": 1.5", "\"start_seconds\": 99"));
        List<string> problems = [];
        var read = Assert.Single(files.ReadAll(problems));
        Assert.Equal("traced", Assert.Single(read.Intervals).Tag);
        Assert.Equal(
            [
                "gc/backend=poll,depth=64,rw=read.json: damaged, left out (the file was cut short or edited)",
                "gc/backend=uring,depth=64,rw=read.json: damaged, left out (a pause lies outside of the measured part)",
                "gc/backend=uring-poll,depth=64,rw=read.json: written by a newer harness (schema 2, this one reads 1), left out; update this one",
            ],
            problems);
        Assert.Equal([false, true, false, false], backends.Select(backend => files.IsDone(ResultsSamples.Cell(backend, "read").Id)));

        File.WriteAllText(_folder.File("gc/backend=epoll,depth=64,rw=read.hlog"), "no log");
        problems.Clear();
        Assert.Empty(Assert.Single(files.ReadAll(problems)).Intervals);
        Assert.Contains("gc/backend=epoll,depth=64,rw=read.hlog: damaged (", string.Join('\n', problems));
    }

    private void Edit(string backend, Func<string, string> edit)
    {
        var path = _folder.File($"gc/backend={backend},depth=64,rw=read.json");
        var (before, after) = (File.ReadAllText(path), edit(File.ReadAllText(path)));
        Assert.NotEqual(before, after);
        File.WriteAllText(path, after);
    }

    private string Records() => File.ReadAllText(Directory.GetFiles(_folder.File("results"), "cells.jsonl", SearchOption.AllDirectories).Single());

    private (RunOutcome Outcome, string Folder) Run(
        bool gcPass, List<ScriptedTracer> tracers, Action? onAttach = null, TextWriter? said = null, string dies = "none", string rate = "closed",
        CancellationToken stop = default)
    {
        var matrix = _folder.File("tiny.yml");
        File.WriteAllText(matrix, $"backend: [poll, epoll]\nrate: {rate}\nrounds: {Rounds}\nduration: 1ms\nwarmup: 0s\ngc_pass: {(gcPass ? "true" : "false")}\n");
        var read = MatrixReader.Read(matrix, brief: false);
        Assert.Equal(gcPass, read.GcPass);
        return (Session(tracers, onAttach, dies) with { Matrix = read, GcPass = gcPass, Messages = said ?? TextWriter.Null }).Run(stop);
    }

    private (RunOutcome Outcome, string Folder) Resume(string folder, List<ScriptedTracer> tracers, bool gcPass = false)
    {
        var run = ResumedRun.Open(folder);
        return (Session(tracers, null, "none") with { Matrix = run.Matrix, Resumed = run, GcPass = gcPass || run.Record.GcPass }).Run(CancellationToken.None);
    }

    // The load that dies is known by its fine intervals: only the pass asks for them.
    private RunSession Session(List<ScriptedTracer> tracers, Action? onAttach, string dies)
    {
        var script = _folder.File("program");
        File.WriteAllText(script, $$"""
            if [ $1 = serve ]; then
            {{Serves}}
            fi
            case "$*" in *"--backend {{dies}} "*--hlog-interval*) kill -KILL $$ ;; esac
            case "$*" in *%*) echo "what is 50%?" >&2; exit 2 ;; esac
            log=$(printf '%s\n' "$@" | grep -A1 -x -e --hlog | tail -n 1)
            cp {{ResultsSamples.Hlog(_folder.Path, "log", 1, 100)}} "$log"
            echo '{{Says}}'
            """);
        return new RunSession
        {
            Matrix = null!,
            Filter = null,
            ResultsRoot = _folder.File("results"),
            CommandLine = "harness run tiny.yml",
            Program = ["sh", script],
            Messages = TextWriter.Null,
            NewTracer = () =>
            {
                var tracer = new ScriptedTracer(onAttach);
                tracers.Add(tracer);
                return tracer;
            },
        };
    }

    private sealed class ScriptedTracer(Action? onAttach) : ICellTracer
    {
        public List<string> Attached { get; } = [];

        public (long Start, long End) Window { get; private set; }

        public Task AttachAsync(string side, int processId, Func<bool> hasEnded, string path, CancellationToken cancel)
        {
            Attached.Add(side);
            onAttach?.Invoke();
            cancel.ThrowIfCancellationRequested();
            return Task.CompletedTask;
        }

        public Task<IReadOnlyDictionary<string, GcSide>> ReadAsync(long startNs, long endNs, CancellationToken cancel)
        {
            Window = (startNs, endNs);
            return Task.FromResult<IReadOnlyDictionary<string, GcSide>>(Attached.ToDictionary(side => side, _ => GcSamples.Quiet));
        }

        public void Dispose()
        {
        }
    }
}
