//! Calls: scalar functions, aggregates and window functions.

use std::fmt::Write;

use super::{Allow, Generator};

/// Scalar functions and how many arguments each gets.
const FUNCTIONS: [(&str, usize); 48] = [
    ("abs", 1),
    ("coalesce", 2),
    ("coalesce", 3),
    ("ifnull", 2),
    ("nullif", 2),
    ("iif", 3),
    ("iif", 2),
    ("length", 1),
    ("lower", 1),
    ("upper", 1),
    ("trim", 1),
    ("substr", 2),
    ("replace", 3),
    ("instr", 2),
    ("hex", 1),
    ("quote", 1),
    ("typeof", 1),
    ("unicode", 1),
    ("char", 1),
    ("round", 1),
    ("round", 2),
    ("max", 2),
    ("min", 3),
    ("concat", 2),
    ("concat_ws", 3),
    ("printf", 2),
    ("json_valid", 1),
    ("json_quote", 1),
    ("json_array", 2),
    ("date", 1),
    ("datetime", 1),
    ("unixepoch", 1),
    ("julianday", 1),
    ("strftime", 2),
    ("sign", 1),
    ("ceil", 1),
    ("floor", 1),
    ("sqrt", 1),
    ("pow", 2),
    ("mod", 2),
    ("likely", 1),
    ("octet_length", 1),
    ("unhex", 1),
    ("zeroblob", 1),
    ("ltrim", 2),
    ("trunc", 1),
    ("total_changes", 0),
    ("json_type", 1),
];

const AGGREGATES: [&str; 11] = [
    "count",
    "sum",
    "avg",
    "total",
    "min",
    "max",
    "group_concat",
    "json_group_array",
    "json_group_object",
    "string_agg",
    "count(*)",
];

const WINDOW_FUNCTIONS: [&str; 9] = [
    "row_number()",
    "rank()",
    "ntile(2)",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "nth_value",
    "cume_dist()",
];

const FRAMES: [&str; 8] = [
    "",
    "",
    " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW",
    " ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING",
    " ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING",
    " RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW",
    " GROUPS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
    " ROWS UNBOUNDED PRECEDING",
];

impl Generator<'_> {
    /// Returns a call of a scalar function.
    pub(super) fn call(&mut self, depth: usize, allow: Allow) -> String {
        if self.random.one_in(8) {
            return self.time_call(allow);
        }
        let (name, count) = self.random.pick(&FUNCTIONS);
        let mut arguments = Vec::new();
        for index in 0..count {
            arguments.push(match name {
                // A random length could need more memory than a test may use.
                "zeroblob" => "3".to_owned(),
                "printf" if index == 0 => "'%s-%d'".to_owned(),
                "json_type" => "'{\"a\": null}'".to_owned(),
                _ => self.expression(if index == 0 { depth } else { 0 }, allow),
            });
        }
        format!("{name}({})", arguments.join(", "))
    }

    /// Returns a call of a date or time function with modifiers.
    fn time_call(&mut self, allow: Allow) -> String {
        let functions = ["date", "time", "datetime", "julianday", "unixepoch"];
        let function = self.random.pick(&functions);
        let mut arguments = vec![match self.random.below(5) {
            0 => "'subsec'".to_owned(),
            1 => "'Subsecond'".to_owned(),
            2 => "'now'".to_owned(),
            3 => "'2024-02-30 10:00:00.125'".to_owned(),
            _ => self.expression(0, allow),
        }];
        for _ in 0..self.random.below(3) {
            arguments.push(match self.random.below(4) {
                0 => "'subsec'".to_owned(),
                1 => "'+1.5 days'".to_owned(),
                2 => "'start of month'".to_owned(),
                _ => self.value(),
            });
        }
        format!("{function}({})", arguments.join(", "))
    }

    /// Returns a call of an aggregate or of a window function.
    pub(super) fn aggregate(&mut self, depth: usize, allow: Allow) -> String {
        let is_window_function = allow == Allow::Windows && self.random.one_in(2);
        let mut sql = if is_window_function {
            self.window_function(depth)
        } else {
            self.aggregate_function(depth, allow)
        };

        if !is_window_function && self.random.one_in(6) {
            let _ = write!(sql, " FILTER (WHERE {})", self.condition(1));
        }
        if allow == Allow::Windows {
            let window = self.window();
            sql.push_str(&window);
        }
        sql
    }

    fn window_function(&mut self, depth: usize) -> String {
        let name = self.random.pick(&WINDOW_FUNCTIONS);
        let value = self.expression(depth.min(1), Allow::Plain);
        match name {
            "lag" | "lead" if self.random.one_in(2) => {
                format!("{name}({value}, 1, {})", self.expression(0, Allow::Plain))
            }
            "lag" | "lead" | "first_value" | "last_value" => format!("{name}({value})"),
            "nth_value" => format!("{name}({value}, 2)"),
            _ => name.to_owned(),
        }
    }

    fn aggregate_function(&mut self, depth: usize, allow: Allow) -> String {
        let name = self.random.pick(&AGGREGATES);
        let distinct = if self.random.one_in(6) && allow == Allow::Aggregates {
            "DISTINCT "
        } else {
            ""
        };
        match name {
            "count(*)" => name.to_owned(),
            "json_group_array" if self.random.one_in(2) => {
                let item = self.expression(0, Allow::Plain);
                let other = self.expression(depth, Allow::Plain);
                format!("{name}({distinct}json_object('a', {item}, 'b', {other}))")
            }
            "json_group_object" => {
                let key = self.expression(0, Allow::Plain);
                format!("{name}({key}, {})", self.expression(depth, Allow::Plain))
            }
            "string_agg" => format!("{name}({}, ',')", self.expression(depth, Allow::Plain)),
            _ => format!("{name}({distinct}{})", self.expression(depth, Allow::Plain)),
        }
    }

    fn window(&mut self) -> String {
        let partition = if self.random.one_in(2) {
            format!("PARTITION BY {} ", self.column())
        } else {
            String::new()
        };
        let order = self.column();
        let frame = self.random.pick(&FRAMES);
        format!(" OVER ({partition}ORDER BY {order}{frame})")
    }
}
