using System.Text.RegularExpressions;
using System.Xml.Linq;
using Harness.Matrix;
using YamlDotNet.RepresentationModel;

namespace Harness.Tests.Interop;

/// <summary><c>scripts/ci-compare.sh</c>, and the example workflow that calls it.</summary>
public sealed partial class CiCompareTests : IDisposable
{
    private readonly TempDir _folder = new();

    private static string Script => Path.Combine(Repository.Root, "scripts", "ci-compare.sh");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Two_programs_are_measured_in_turns_and_the_verdict_is_written_for_ci()
    {
        string matrix = Matrix("backend: [poll, epoll]\ndepth: 4\nblock: memory:4M\nduration: 20ms\nwarmup: 10ms\n");
        string[] programs = ["--base-program", HarnessServer.Program, "--new-program", HarnessServer.Program];
        var same = Run(["--rounds", "2", "--matrix", matrix, .. programs, "--results", Results]);
        // So short a round is exact in bytes, and says that it is too short for the rest.
        Assert.True(same.ExitCode == 0, same.ToString());
        Assert.StartsWith("## verdict: ", File.ReadAllText(Path.Combine(Results, "compare.md")));
        Assert.Equal(File.ReadAllText(Path.Combine(Results, "compare.md")), File.ReadAllText(_folder.File("summary.md")));
        Assert.Equal("2", XDocument.Load(Path.Combine(Results, "junit.xml")).Root!.Element("testsuite")!.Attribute("tests")!.Value);
        Assert.Contains("\"in_turns\": true", File.ReadAllText(Path.Combine(Results, "compare.json")));
        foreach (string side in (string[])["base", "new"])
        {
            Assert.Equal([1, 1], Compare.RunPool.Read(Path.Combine(Results, side)).Runs.Select(run => run.Run.Rounds));
        }
        Assert.Empty(Directory.GetFileSystemEntries(_folder.File("tmp")));

        var again = Run([.. programs, "--results", Results]);
        Assert.Equal((2, "ci-compare.sh: '" + Results + "' holds a comparison already; give another folder with --results\n"), (again.ExitCode, again.Errors));
    }

    [Fact]
    public void An_axis_that_base_does_not_know_is_named()
    {
        string matrix = Matrix("colour: red\n");
        var run = Run("--matrix", matrix, "--base-program", HarnessServer.Program, "--new-program", HarnessServer.Program, "--results", Results);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("m.yml:1: unknown key 'colour'", run.Errors);
        Assert.EndsWith("ci-compare.sh: base's build cannot run the matrix of NEW (m.yml); its message is above: give a matrix that both know with --matrix FILE\n", run.Errors);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.File("tmp")));
    }

    [Theory]
    [InlineData("", "against which commit? BASE_REF is missing (--help explains)")]
    [InlineData("HEAD --frob", "unknown option '--frob' (--help explains)")]
    [InlineData("HEAD --gate tmed", "unknown gate 'tmed'; legal: counted, timed, all")]
    [InlineData("HEAD --rounds 0", "--rounds: '0' is not a number of rounds from 1 to 999")]
    [InlineData("HEAD --matrix", "--matrix needs a value (--help explains)")]
    [InlineData("--base-program /bin/true", "--base-program and --new-program go together")]
    [InlineData("--base-program /bin/true --new-program /none", "--new-program: '/none' is not an executable")]
    [InlineData("x --base-program /bin/true --new-program /bin/true", "with programs there is nothing to build; leave 'x' away")]
    public void Bad_arguments_are_one_line(string arguments, string line)
    {
        var run = Run(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal((2, $"ci-compare.sh: {line}\n"), (run.ExitCode, run.Errors));
    }

    // Two builds from scratch: minutes.
    [SkippableFact]
    public void Two_commits_are_built_measured_and_cleaned_away()
    {
        Skip.IfNot(TestScale.Full, "builds the program twice, which ./run.sh test --full does");
        string git = Requires.Tool("git");
        Skip.IfNot(Directory.Exists(Path.Combine(Repository.Root, ".git")) || File.Exists(Path.Combine(Repository.Root, ".git")), "this tree is no git checkout");
        var run = Run("HEAD", "HEAD", "--rounds", "1", "--results", Results);
        Assert.True(run.ExitCode == 0, run.ToString());
        Assert.True(run.Output.Contains("verdict: same (16 cells: 16 same)", StringComparison.Ordinal), run.ToString());
        Assert.DoesNotContain(_folder.Path, Tool.Run(git, "-C", Repository.Root, "worktree", "list").Succeeded().Output);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.File("tmp")));
    }

    [Fact]
    public void The_matrix_of_ci_has_the_cells_whose_figures_are_exact()
    {
        var cells = MatrixReader.Read(Path.Combine(Repository.Root, "bench", "ci.yml"), brief: false).Cells();
        Assert.All(cells, cell => Assert.Equal(("block", "1", "closed"), (cell["wait"], cell["connections"], cell["rate"])));
        foreach (string backend in (string[])["poll", "epoll", "uring-poll", "uring"])
        {
            Assert.Equal(["1 read", "1 write", "64 read", "64 write"], cells.Where(cell => cell.Backend == backend).Select(cell => $"{cell["depth"]} {cell["rw"]}"));
        }
    }

    [Fact]
    public void The_example_workflow_is_yaml_and_calls_what_there_is()
    {
        using var text = File.OpenText(Path.Combine(Repository.Root, "scripts", "github-actions.yml"));
        var yaml = new YamlStream();
        yaml.Load(text);
        var steps = (YamlSequenceNode)yaml.Documents.Single().RootNode["jobs"]["compare"]["steps"];
        string help = Run("--help").Output;
        var commands = steps.OfType<YamlMappingNode>().Where(step => step.Children.ContainsKey("run")).Select(step => ((YamlScalarNode)step["run"]).Value!).ToList();
        Assert.NotEmpty(commands);
        foreach (string command in commands)
        {
            Assert.True(File.Exists(Path.Combine(Repository.Root, command.Split(' ')[0])), command);
            Assert.All(Option().Matches(command), option => Assert.Contains($"\n  {option.Value} ", help));
        }
        // What no run step does is done by actions of a pinned version.
        Assert.All(
            steps.OfType<YamlMappingNode>().Where(step => !step.Children.ContainsKey("run")),
            step => Assert.Matches("^[a-z-]+/[a-z-]+@v[0-9]+$", ((YamlScalarNode)step["uses"]).Value));
    }

    private string Results => _folder.File("results");

    private string Matrix(string text)
    {
        File.WriteAllText(_folder.File("m.yml"), text);
        return _folder.File("m.yml");
    }

    private ToolResult Run(params string[] arguments) => Tool.Run(Script, arguments, new Dictionary<string, string?>
    {
        ["TMPDIR"] = Directory.CreateDirectory(_folder.File("tmp")).FullName,
        ["GITHUB_STEP_SUMMARY"] = _folder.File("summary.md"),
    });

    [GeneratedRegex("--[a-z-]+")]
    private static partial Regex Option();
}
